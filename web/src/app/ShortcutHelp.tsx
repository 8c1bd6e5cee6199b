import { Group, Kbd, Modal, Stack, Text, Title } from "@mantine/core";
import { Fragment } from "react";

import { useStore } from "@/lib/persisted";
import { listed, type Scope } from "@/ui/shortcuts";

import { useT } from "./i18n";

/** All keys that do something now. */
export default function ShortcutHelp({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const t = useT();
  const all = useStore(listed);
  const of = (scope: Scope) => all.filter((one) => one.scope === scope).flatMap((one) => one.shortcuts);
  const groups = [
    { name: t("thisPage"), shortcuts: of("page") },
    { name: t("everywhere"), shortcuts: of("everywhere") },
  ].filter((group) => group.shortcuts.length > 0);
  return (
    <Modal opened={opened} onClose={onClose} title={t("shortcuts")}>
      <Stack gap="lg">
        {groups.map((group) => (
          <section key={group.name}>
            <Title order={3} size="sm" mb="xs">
              {group.name}
            </Title>
            <Stack gap={6}>
              {group.shortcuts.map((one) => (
                <Group key={one.keys.join(" ")} justify="space-between" wrap="nowrap">
                  <Text size="sm">{one.label}</Text>
                  <Group gap={6} wrap="nowrap">
                    {one.keys.map((key, index) => (
                      <Fragment key={key}>
                        {index > 0 && (
                          <Text size="xs" c="dimmed">
                            {t("thenKey")}
                          </Text>
                        )}
                        <Kbd>{key}</Kbd>
                      </Fragment>
                    ))}
                  </Group>
                </Group>
              ))}
            </Stack>
          </section>
        ))}
      </Stack>
    </Modal>
  );
}
