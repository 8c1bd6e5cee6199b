import { Alert, Button, Code, Group, Modal, Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";

import type { KeyMade } from "@/lib/api";
import { CopyButton } from "@/ui/CopyButton";

import { useT } from "./i18n";
import classes from "./Keys.module.css";

/** The key itself, this once; closed by its button alone, so that nobody loses it by a slip. */
export function KeyShown({ made, onClose }: { made: KeyMade; onClose: () => void }) {
  const t = useT();
  const key = made.api_key ?? "";
  const use = `export OPENAI_BASE_URL=${location.origin}/v1\nexport OPENAI_API_KEY=${key}`;
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("shownTitle", { name: made.key.name })}
      size="lg"
      closeOnClickOutside={false}
      closeOnEscape={false}
      withCloseButton={false}
    >
      <Stack>
        <Alert color="gate" variant="light" icon={<IconAlertTriangle size={20} aria-hidden />}>
          {t("shownOnce")}
        </Alert>
        <Group wrap="nowrap" gap="xs">
          <Code block className={classes.secret ?? ""} aria-label={t("shownKey")} data-testid="api-key">
            {key}
          </Code>
          <CopyButton value={key} size="lg" />
        </Group>
        <div>
          <Text size="sm" c="dimmed" mb={4}>
            {t("shownUse")}
          </Text>
          <Group wrap="nowrap" gap="xs" align="flex-start">
            <Code block className={classes.secret ?? ""}>
              {use}
            </Code>
            <CopyButton value={use} size="lg" />
          </Group>
        </div>
        {made.first && <Text size="sm">{t("first")}</Text>}
        <NotInForce made={made} />
        <Group justify="flex-end">
          <Button onClick={onClose}>{t("shownDone")}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}

/** It was kept, but the gateway does not go by it. */
export function NotInForce({ made }: { made: KeyMade }) {
  const t = useT();
  if (made.in_force) return null;
  return (
    <Alert color="red" variant="light" role="alert" title={t("notInForce")}>
      {made.problems.map((problem) => (
        <Text size="sm" key={problem}>
          {problem}
        </Text>
      ))}
    </Alert>
  );
}
