import { Alert, Button, Code, Group, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";

import type { ApiError } from "@/lib/errors";

import { CopyButton } from "./CopyButton";
import { useT } from "./i18n";

/** What went wrong, in words; with how to try again, and, on demand, what came to the letter. */
export function ErrorBox({
  error,
  title,
  onRetry,
  actions,
  children,
}: {
  error: ApiError;
  title?: string;
  onRetry?: () => void;
  actions?: ReactNode;
  /** A hint what to do. */
  children?: ReactNode;
}) {
  const t = useT();
  const [shown, setShown] = useState(false);
  const facts = [error.status ? `HTTP ${error.status}` : "", error.code ?? "", error.param ?? ""].filter(Boolean);
  const message = error.code === "network" ? t("network") : error.message;
  return (
    <Alert
      color="red"
      variant="light"
      role="alert"
      icon={<IconAlertTriangle size={20} aria-hidden />}
      title={title ?? message}
      bg="color-mix(in srgb, var(--sw-bad) 10%, var(--sw-surface))"
      styles={{ title: { color: "var(--sw-bad)" }, body: { minWidth: 0 } }}
    >
      {title !== undefined && <Text size="sm">{message}</Text>}
      {facts.length > 0 && (
        <Text size="sm" c="dimmed">
          {facts.join(" · ")}
        </Text>
      )}
      {error.requestId && (
        <Group gap={4}>
          <Text size="sm" c="dimmed">
            {t("requestId")} <Code>{error.requestId}</Code>
          </Text>
          <CopyButton value={error.requestId} />
        </Group>
      )}
      {children}
      {(onRetry !== undefined || actions !== undefined || error.raw !== "") && (
        <Group gap="xs" mt="sm">
          {onRetry && (
            <Button size="xs" variant="default" onClick={onRetry}>
              {t("tryAgain")}
            </Button>
          )}
          {actions}
          {error.raw !== "" && (
            <Button size="xs" variant="subtle" color="gray" aria-expanded={shown} onClick={() => setShown(!shown)}>
              {t("rawError")}
            </Button>
          )}
        </Group>
      )}
      {shown && (
        <Code block mt="xs" mah={280} style={{ overflow: "auto", whiteSpace: "pre-wrap", wordBreak: "break-word" }} tabIndex={0}>
          {error.raw}
        </Code>
      )}
    </Alert>
  );
}
