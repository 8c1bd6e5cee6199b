import { Button, Group, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useEffect, useState } from "react";

import { useFormat } from "@/i18n";
import { Card } from "@/ui/Card";
import { confirm } from "@/ui/confirm";

import { type Kept, listDatabases, removeDatabase, removeSettings, type Room, roomOf } from "./databases";
import { useT } from "./i18n";

/** Pictures, chats and settings in this browser: how much, and how to be rid of them. */
export function DataCard() {
  const t = useT();
  const format = useFormat();
  const [{ kept, room }, setFound] = useState<{ kept: Kept[]; room?: Room }>({ kept: [] });
  const [round, setRound] = useState(0);
  const look = () => setRound((before) => before + 1);
  useEffect(() => {
    // Without a database (as in some private windows) there is nothing to be shown.
    void Promise.all([listDatabases(), roomOf()]).then(
      ([databases, space]) => setFound({ kept: databases, room: space }),
      () => undefined,
    );
  }, [round]);

  const nameOf = ({ name }: Kept) => (name.endsWith("studio") ? t("dataStudio") : name.endsWith("chat") ? t("dataChat") : name);
  const clear = async (one: Kept) => {
    const name = nameOf(one);
    if (!(await confirm({ title: t("dataClearTitle", { name }), text: t("dataClearText"), yes: t("remove"), danger: true }))) return;
    try {
      await removeDatabase(one.name);
      notifications.show({ message: t("dataCleared", { name }) });
    } catch {
      notifications.show({ color: "red", message: t("dataBlocked") });
    }
    look();
  };
  const forget = async () => {
    if (!(await confirm({ title: `${t("dataSettingsClear")}?`, text: t("dataSettingsWhy"), yes: t("remove"), danger: true }))) return;
    removeSettings();
    // Everything that is open goes by what it read at its start.
    location.reload();
  };
  return (
    <Card title={t("data")}>
      <Stack gap="md">
        <div>
          <Text size="sm" c="dimmed">
            {t("dataWhy")}
          </Text>
          {room && typeof room.usage === "number" && (
            <Text size="sm" className="sw-numbers">
              {t("dataRoom", { usage: format.bytes(room.usage), quota: format.bytes(room.quota) })}
            </Text>
          )}
        </div>
        {room && (
          <Group gap="sm">
            <Text size="sm" c="dimmed">
              {t(room.persisted ? "dataLasting" : "dataLoose")}
            </Text>
            {!room.persisted && (
              <Button
                size="xs"
                variant="default"
                onClick={async () => {
                  await navigator.storage.persist();
                  look();
                }}
              >
                {t("dataKeep")}
              </Button>
            )}
          </Group>
        )}
        {kept.length === 0 && <Text size="sm">{t("dataNone")}</Text>}
        {kept.map((one) => (
          <Group key={one.name} justify="space-between" gap="sm">
            <div>
              <Text fw={500}>{nameOf(one)}</Text>
              <Text size="sm" c="dimmed" className="sw-numbers">
                {Object.entries(one.tables)
                  .map(([name, n]) => t("dataEntries", { name, n }))
                  .join(" · ")}
              </Text>
            </div>
            <Button size="xs" variant="light" color="red" onClick={() => clear(one)}>
              {t("dataClear", { name: nameOf(one) })}
            </Button>
          </Group>
        ))}
        <Group justify="space-between" gap="sm">
          <div>
            <Text fw={500}>{t("dataSettings")}</Text>
            <Text size="sm" c="dimmed">
              {t("dataSettingsWhy")}
            </Text>
          </div>
          <Button size="xs" variant="light" color="red" onClick={forget}>
            {t("dataSettingsClear")}
          </Button>
        </Group>
      </Stack>
    </Card>
  );
}
