import { Group, Paper, Text, Title, type PaperProps } from "@mantine/core";
import { type ReactNode, useId } from "react";

/** A part of a page, with a heading of the second order if it has a title. */
export function Card({
  title,
  actions,
  children,
  ...paper
}: Omit<PaperProps, "title"> & { title?: ReactNode; actions?: ReactNode; children: ReactNode }) {
  const id = useId();
  return (
    <Paper
      component="section"
      withBorder
      p="lg"
      radius="lg"
      bg="var(--sw-surface)"
      aria-labelledby={title ? id : undefined}
      {...paper}
    >
      {(title !== undefined || actions !== undefined) && (
        <Group justify="space-between" mb="md" gap="sm">
          {title !== undefined && (
            <Title order={2} size="h4" id={id}>
              {title}
            </Title>
          )}
          {actions}
        </Group>
      )}
      {children}
    </Paper>
  );
}

/** One figure, with its name above and a word on it below. */
export function Stat({
  label,
  value,
  detail,
  tone,
}: {
  label: string;
  value: ReactNode;
  detail?: ReactNode;
  tone?: "good" | "warn" | "bad";
}) {
  return (
    <Paper withBorder p="md" radius="lg" bg="var(--sw-surface)" component="dl" m={0}>
      <Text component="dt" size="sm" c="dimmed">
        {label}
      </Text>
      <Text component="dd" m={0} fz={26} fw={650} lh={1.3} className="sw-numbers" c={tone ? `var(--sw-${tone})` : undefined}>
        {value}
      </Text>
      {detail !== undefined && (
        <Text component="dd" m={0} size="sm" c="dimmed" className="sw-numbers">
          {detail}
        </Text>
      )}
    </Paper>
  );
}
