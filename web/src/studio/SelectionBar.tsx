import { ActionIcon, Button, Group, Paper, Text, Tooltip } from "@mantine/core";
import { IconArrowsDiff, IconDownload, IconHeart, IconTrash, IconX } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";

import { confirm } from "@/ui/confirm";

import { saveArchive } from "./archiveFiles";
import { heldByDraft } from "./draft";
import classes from "./Gallery.module.css";
import { useT } from "./i18n";
import { favour, remove } from "./live";
import type { Task } from "./task";

const Compare = lazy(() => import("./Compare"));

/** What can be done with several at once. */
export function SelectionBar({ tasks, onAll, onDone }: { tasks: readonly Task[]; onAll: () => void; onDone: () => void }) {
  const t = useT();
  const [comparing, setComparing] = useState(false);
  const ids = tasks.map((task) => task.id);
  const made = tasks.filter((task) => task.results.length > 0);
  const allLiked = made.length > 0 && made.every((task) => task.favourite);
  const discard = async () => {
    if (await confirm({ title: t("deleteMany", { n: tasks.length }), text: t("deleteWhy"), yes: t("delete"), danger: true })) {
      await remove(ids, heldByDraft());
      onDone();
    }
  };
  return (
    <Paper className={classes.selection ?? ""} shadow="lg" withBorder radius="xl" role="toolbar" aria-label={t("selection")}>
      <Group gap={4} wrap="nowrap">
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("deselect")} onClick={onDone}>
          <IconX size={18} aria-hidden />
        </ActionIcon>
        <Text size="sm" fw={600} className="sw-numbers" px={4} style={{ whiteSpace: "nowrap" }}>
          {t("chosen", { n: tasks.length })}
        </Text>
        <Button variant="subtle" size="compact-sm" onClick={onAll}>
          {t("chooseAll")}
        </Button>
        <Act label={allLiked ? t("unfavourite") : t("favourite")} icon={IconHeart} onClick={() => void favour(ids, !allLiked)} />
        <Act label={t("compare")} icon={IconArrowsDiff} onClick={() => setComparing(true)} disabled={made.length < 2} />
        <Act label={t("exportZip")} icon={IconDownload} onClick={() => void saveArchive(tasks)} />
        <Act label={t("delete")} icon={IconTrash} onClick={() => void discard()} red />
      </Group>
      {comparing && (
        <Suspense fallback={null}>
          <Compare tasks={made} onClose={() => setComparing(false)} />
        </Suspense>
      )}
    </Paper>
  );
}

function Act({ label, icon: Icon, onClick, disabled = false, red = false }: { label: string; icon: typeof IconHeart; onClick: () => void; disabled?: boolean; red?: boolean }) {
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color={red ? "red" : "gray"} size="lg" aria-label={label} disabled={disabled} onClick={onClick}>
        <Icon size={19} stroke={1.7} aria-hidden />
      </ActionIcon>
    </Tooltip>
  );
}
