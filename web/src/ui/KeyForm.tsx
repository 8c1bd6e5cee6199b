import { Button, Checkbox, Code, Paper, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { IconLock } from "@tabler/icons-react";
import { type SubmitEvent, useState } from "react";

import { admin, adminKeyIsRemembered, setAdminKey } from "@/lib/admin";

import { useT } from "./i18n";

/** The question for an admin key. */
export default function KeyForm() {
  const t = useT();
  const { key: refused } = admin.get();
  const [key, setKey] = useState("");
  const [remember, setRemember] = useState(adminKeyIsRemembered);
  const send = (event: SubmitEvent) => {
    event.preventDefault();
    if (key.trim()) setAdminKey(key.trim(), remember);
  };
  const [before, setting, after] = t("keyWhy").split("`");
  return (
    <Paper component="form" withBorder radius="lg" p="xl" maw={480} mx="auto" mt="xl" bg="var(--sw-surface)" onSubmit={send}>
      <Stack>
        <IconLock size={36} stroke={1.3} color="var(--sw-accent)" aria-hidden />
        <Title order={2} size="h3">
          {t("keyNeeded")}
        </Title>
        <Text size="sm" c="dimmed">
          {before}
          <Code>{setting}</Code>
          {after}
        </Text>
        <PasswordInput
          label={t("key")}
          value={key}
          onChange={(event) => setKey(event.currentTarget.value)}
          error={refused !== "" && key === "" ? t("keyWrong") : null}
          autoComplete="current-password"
          data-autofocus
          autoFocus
        />
        <Checkbox
          label={t("keyRemember")}
          description={t("keyRememberWhy")}
          checked={remember}
          onChange={(event) => setRemember(event.currentTarget.checked)}
        />
        <Button type="submit">{t("keyUse")}</Button>
      </Stack>
    </Paper>
  );
}
