import { Stack, Text } from "@mantine/core";
import { IconDropletHalf2, type TablerIcon } from "@tabler/icons-react";
import type { ReactNode } from "react";

/** Where there is nothing yet: why, and what to do about it (`children`). */
export function EmptyState({
  title,
  icon: Icon = IconDropletHalf2,
  children,
}: {
  title: string;
  icon?: TablerIcon;
  children?: ReactNode;
}) {
  return (
    <Stack align="center" gap="xs" py={56} px="md" ta="center">
      <Icon size={44} stroke={1.2} color="var(--sw-accent)" aria-hidden />
      <Text fw={600}>{title}</Text>
      {children !== undefined && (
        <Text component="div" c="dimmed" size="sm" maw={460}>
          {children}
        </Text>
      )}
    </Stack>
  );
}
