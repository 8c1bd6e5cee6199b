import { ActionIcon, Button, Checkbox, Tooltip, UnstyledButton } from "@mantine/core";
import { IconAlertTriangle, IconHeart, IconHeartFilled, IconPlayerStopFilled } from "@tabler/icons-react";
import { memo } from "react";

import { Forming, Progress, Steps } from "./Forming";
import classes from "./Gallery.module.css";
import { useT } from "./i18n";
import { cancel, favour, retry } from "./live";
import { isRunning, type Task } from "./task";
import { useProblemWords } from "./useProblemWords";

export interface TileProps {
  task: Task;
  /** Undefined: nothing is being chosen. */
  chosen: boolean | undefined;
  large: boolean;
  onOpen: (id: string) => void;
  onChoose: (id: string, range: boolean) => void;
}

/** One task in the grid: its picture as it forms, or the picture, or what became of it. */
export const Tile = memo(function Tile({ task, chosen, large, onOpen, onChoose }: TileProps) {
  const t = useT();
  const running = isRunning(task);
  const failed = !running && task.results.length === 0;
  const label = t(failed ? "openFailed" : running ? "openRunning" : "open", { prompt: task.asked.prompt });
  return (
    <article className={classes.tile} data-status={task.status} data-large={large || undefined} data-chosen={chosen} data-task={task.id} aria-label={task.asked.prompt}>
      {failed ? <Failed task={task} /> : <Forming task={task} />}
      {running && (
        <div className={classes.progress}>
          <Progress task={task} />
          <Steps task={task} />
        </div>
      )}
      {!running && !failed && <div className={classes.caption}>{task.asked.prompt}</div>}
      <UnstyledButton
        className={classes.face}
        aria-label={label}
        aria-pressed={chosen}
        onClick={(event) => (chosen === undefined && !event.ctrlKey && !event.metaKey ? onOpen(task.id) : onChoose(task.id, event.shiftKey))}
      />
      {running && (
        <Tooltip label={t("stop")}>
          <ActionIcon className={classes.corner} radius="xl" size={34} variant="filled" color="dark" aria-label={t("stopOne", { prompt: task.asked.prompt })} onClick={() => cancel(task.id)}>
            <IconPlayerStopFilled size={15} aria-hidden />
          </ActionIcon>
        </Tooltip>
      )}
      {failed && (
        <Button className={classes.again} size="compact-sm" variant="default" onClick={() => retry(task)}>
          {t("tryAgain")}
        </Button>
      )}
      {task.status === "done" && (
        <ActionIcon
          className={classes.corner}
          data-quiet={!task.favourite || undefined}
          radius="xl"
          size={34}
          variant="filled"
          color="dark"
          aria-label={t("favourite")}
          aria-pressed={task.favourite}
          onClick={() => void favour([task.id], !task.favourite)}
        >
          {task.favourite ? <IconHeartFilled size={17} color="#ff8a8a" aria-hidden /> : <IconHeart size={17} aria-hidden />}
        </ActionIcon>
      )}
      {!running && (
        <span className={classes.check} data-quiet={chosen === undefined || undefined}>
          <Checkbox checked={chosen ?? false} aria-label={t("chooseOne", { prompt: task.asked.prompt })} onChange={() => onChoose(task.id, false)} />
        </span>
      )}
    </article>
  );
});

function Failed({ task }: { task: Task }) {
  const { title } = useProblemWords(task);
  return (
    <div className={classes.failed}>
      <IconAlertTriangle size={24} stroke={1.5} aria-hidden color={task.status === "failed" ? "var(--sw-bad)" : "var(--sw-warn)"} />
      <span className={classes.failedTitle}>{title}</span>
      <span className={classes.failedWhy}>{task.problem?.message ?? ""}</span>
      <span className={classes.failedPrompt}>{task.asked.prompt}</span>
    </div>
  );
}
