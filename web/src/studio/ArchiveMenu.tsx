import { ActionIcon, Menu } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconDotsVertical, IconFileExport, IconFileImport } from "@tabler/icons-react";
import { useRef } from "react";

import { saveArchive } from "./archiveFiles";
import { allTasks } from "./db";
import { useT } from "./i18n";
import type { Task } from "./task";

/** The history out of the browser, and into another. */
export function ArchiveMenu({ tasks }: { tasks: readonly Task[] }) {
  const t = useT();
  const file = useRef<HTMLInputElement>(null);
  const take = async (event: React.ChangeEvent<HTMLInputElement>) => {
    const input = event.currentTarget;
    const chosen = input.files?.[0];
    if (chosen === undefined) return;
    try {
      const { unpack } = await import("./archive");
      const known = new Set((await allTasks()).map((task) => task.id));
      const { tasks: n, missing } = await unpack(new Uint8Array(await chosen.arrayBuffer()), known);
      notifications.show({ color: missing > 0 ? "gate" : "water", message: missing > 0 ? t("importedLacking", { n, missing }) : t("imported", { n }) });
    } catch (thrown) {
      notifications.show({ color: "red", title: t("notImported"), message: thrown instanceof Error ? thrown.message : String(thrown) });
    }
    input.value = "";
  };
  return (
    <>
      <input ref={file} type="file" accept=".zip,application/zip" hidden onChange={(event) => void take(event)} data-testid="import-zip" />
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="default" size={36} aria-label={t("archive")}>
            <IconDotsVertical size={18} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconFileExport size={16} aria-hidden />} disabled={tasks.length === 0} onClick={() => void saveArchive(tasks)}>
            {t("exportShown", { n: tasks.length })}
          </Menu.Item>
          <Menu.Item leftSection={<IconFileImport size={16} aria-hidden />} onClick={() => file.current?.click()}>
            {t("importZip")}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}
