import { ActionIcon, Tooltip } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { IconCheck, IconCopy } from "@tabler/icons-react";

import { useT } from "./i18n";

/** Puts `value` on the clipboard, and says so for a moment. `label`: what is copied, for those who listen. */
export function CopyButton({ value, label, size = "sm" }: { value: string; label?: string; size?: "sm" | "md" | "lg" }) {
  const t = useT();
  const clipboard = useClipboard({ timeout: 1500 });
  const words = clipboard.copied ? t("copied") : (label ?? t("copy"));
  return (
    <Tooltip label={words}>
      <ActionIcon
        variant="subtle"
        color={clipboard.copied ? "water" : "gray"}
        size={size}
        aria-label={words}
        onClick={() => clipboard.copy(value)}
      >
        {clipboard.copied ? <IconCheck size="70%" /> : <IconCopy size="70%" />}
      </ActionIcon>
    </Tooltip>
  );
}
