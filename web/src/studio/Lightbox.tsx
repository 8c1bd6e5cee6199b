import { ActionIcon, Modal, Tooltip } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { IconChevronLeft, IconChevronRight, IconX } from "@tabler/icons-react";
import { useState } from "react";

import { Details } from "./Details";
import { Forming, Progress, Steps } from "./Forming";
import { useT } from "./i18n";
import classes from "./Lightbox.module.css";
import { KeptPicture } from "./KeptPicture";
import { favour } from "./live";
import { isRunning, type Task } from "./task";

interface LightboxProps {
  task: Task;
  tasks: readonly Task[];
  onOpen: (id: string) => void;
  /** What the task has is in the composer now, to go on with. */
  onUse: () => void;
  onClose: () => void;
}

/** One task, large: as it forms, or as it became, with all that is known of it. */
export default function Lightbox({ task, tasks, onOpen, onUse, onClose }: LightboxProps) {
  const t = useT();
  const [result, setResult] = useState(0);
  const at = tasks.findIndex((one) => one.id === task.id);
  const [newer, older] = [tasks[at - 1], tasks[at + 1]];
  const go = (to: Task | undefined) => {
    if (to === undefined) return;
    setResult(0);
    onOpen(to.id);
  };
  useHotkeys([
    ["ArrowLeft", () => go(newer)],
    ["ArrowRight", () => go(older)],
    ["f", () => void favour([task.id], !task.favourite)],
  ]);
  const shown = Math.min(result, Math.max(0, task.results.length - 1));
  return (
    <Modal.Root opened onClose={onClose} fullScreen transitionProps={{ duration: 120 }}>
      <Modal.Content aria-label={t("details")} radius={0}>
        <Modal.Body className={classes.body ?? ""}>
          <div className={classes.stage} data-empty={(!isRunning(task) && task.results.length === 0) || undefined}>
            <Forming task={task} result={shown} fit="contain" key={task.id} />
            {isRunning(task) && (
              <div className={classes.progress} role="status">
                <Progress task={task} />
                <Steps task={task} />
              </div>
            )}
            <Turn side="left" label={t("newer")} to={newer} onGo={go} />
            <Turn side="right" label={t("older")} to={older} onGo={go} />
            {task.results.length > 1 && (
              <div className={classes.strip}>
                {task.results.map((one, index) => (
                  <button key={one.hash} type="button" aria-label={t("pictureOf", { n: index + 1, of: task.results.length })} aria-pressed={index === shown} onClick={() => setResult(index)}>
                    <KeptPicture hash={one.hash} alt="" />
                  </button>
                ))}
              </div>
            )}
          </div>
          <aside className={classes.side}>
            <ActionIcon className={classes.close} variant="subtle" color="gray" size="lg" aria-label={t("close")} onClick={onClose}>
              <IconX size={20} aria-hidden />
            </ActionIcon>
            <Details task={task} picture={task.results[shown]} siblings={tasks.filter((one) => one.group === task.group)} onOpen={onOpen} onUse={onUse} onClose={onClose} />
          </aside>
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

function Turn({ side, label, to, onGo }: { side: "left" | "right"; label: string; to: Task | undefined; onGo: (to: Task | undefined) => void }) {
  const Icon = side === "left" ? IconChevronLeft : IconChevronRight;
  return to === undefined ? null : (
    <Tooltip label={label}>
      <ActionIcon className={classes.turn} data-side={side} variant="filled" color="dark" radius="xl" size={44} aria-label={label} onClick={() => onGo(to)}>
        <Icon size={24} aria-hidden />
      </ActionIcon>
    </Tooltip>
  );
}
