import { Button, Checkbox, Group, PasswordInput, SegmentedControl, Stack, Text, useMantineColorScheme } from "@mantine/core";
import { type SubmitEvent, useState } from "react";

import { type Language, language, LANGUAGES, useLanguage } from "@/i18n";
import { admin, adminKeyIsRemembered, setAdminKey } from "@/lib/admin";
import { useStore } from "@/lib/persisted";
import { Card } from "@/ui/Card";

import { DataCard } from "./DataCard";
import { useT } from "./i18n";

/** What this browser keeps of the console: its looks, the admin key, pictures and chats. */
export function BrowserTab() {
  return (
    <Stack>
      <Appearance />
      <AdminKey />
      <DataCard />
    </Stack>
  );
}

function Appearance() {
  const t = useT();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const current = useLanguage();
  return (
    <Card title={t("appearance")}>
      <Group gap="xl">
        <div>
          <Text size="sm" fw={500} mb={4} id="settings-colors">
            {t("colors")}
          </Text>
          <SegmentedControl
            aria-labelledby="settings-colors"
            value={colorScheme}
            onChange={setColorScheme}
            data={(["auto", "light", "dark"] as const).map((value) => ({ value, label: t(value) }))}
          />
        </div>
        <div>
          <Text size="sm" fw={500} mb={4} id="settings-language">
            {t("language")}
          </Text>
          <SegmentedControl
            aria-labelledby="settings-language"
            value={current}
            onChange={(value) => language.set(value)}
            data={(Object.keys(LANGUAGES) as Language[]).map((value) => ({ value, label: LANGUAGES[value] }))}
          />
        </div>
      </Group>
    </Card>
  );
}

function AdminKey() {
  const t = useT();
  const { key } = useStore(admin);
  const [typed, setTyped] = useState("");
  const [remember, setRemember] = useState(adminKeyIsRemembered);
  const send = (event: SubmitEvent) => {
    event.preventDefault();
    if (typed.trim() === "") return;
    setAdminKey(typed.trim(), remember);
    setTyped("");
  };
  return (
    <Card title={t("adminKey")}>
      <form onSubmit={send}>
        <Stack gap="sm" maw={480}>
          <Text size="sm" c="dimmed">
            {t("adminKeyWhy")}
          </Text>
          <Text size="sm">{t(key ? "adminKeySet" : "adminKeyNone")}</Text>
          <PasswordInput
            label={key ? t("adminKeyNew") : t("adminKey")}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            autoComplete="current-password"
          />
          <Checkbox
            label={t("adminKeyRemember")}
            description={t("adminKeyRememberWhy")}
            checked={remember}
            onChange={(event) => {
              setRemember(event.currentTarget.checked);
              if (key) setAdminKey(key, event.currentTarget.checked);
            }}
          />
          <Group gap="xs">
            <Button type="submit" disabled={typed.trim() === ""}>
              {t("adminKeyUse")}
            </Button>
            {key && (
              <Button variant="default" onClick={() => setAdminKey("", false)}>
                {t("adminKeyForget")}
              </Button>
            )}
          </Group>
        </Stack>
      </form>
    </Card>
  );
}
