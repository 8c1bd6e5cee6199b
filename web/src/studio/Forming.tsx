import { IconPhotoOff } from "@tabler/icons-react";

import { useNow } from "@/ui/TimeAgo";

import { useT } from "./i18n";
import { BlobPicture, KeptPicture } from "./KeptPicture";
import classes from "./Picture.module.css";
import { elapsed, isRunning, latestPreview, type Task } from "./task";

/** What there is to see of a task: its picture, or the previews so far, one fading over the other, or water. */
export function Forming({ task, result = 0, fit = "cover" }: { task: Task; result?: number; fit?: "cover" | "contain" }) {
  const t = useT();
  const picture = task.results[result];
  const running = isRunning(task);
  const latest = latestPreview(task);
  return (
    <div className={classes.forming} data-fit={fit} data-status={task.status}>
      {running && task.previews.length === 0 && picture === undefined && <div className={classes.water} data-queued={task.status === "queued" || undefined} />}
      {task.previews.map((one) => (
        <span key={one.index} className={classes.preview} data-preview={one.index} aria-hidden={one !== latest}>
          <BlobPicture blob={one.blob} alt={one === latest ? t("previewAlt", { n: one.index + 1, prompt: task.asked.prompt }) : ""} />
        </span>
      ))}
      {picture && <KeptPicture hash={picture.hash} alt={task.asked.prompt} className={classes.final} />}
      {!running && picture === undefined && fit === "contain" && (
        <div className={classes.none}>
          <IconPhotoOff size={54} stroke={1.1} aria-hidden />
          {t(`status_${task.status}`)}
        </div>
      )}
      {running && latest && <div className={classes.shimmer} />}
    </div>
  );
}

/** Since when, and what came so far: `3.2 s · preview 2 of 3`. */
export function Progress({ task }: { task: Task }) {
  const t = useT();
  const now = useNow(100);
  if (task.status === "queued") return t("queued");
  const { stream, partials } = task.asked.params;
  const quietS = task.lastSignAt === null ? 0 : (now - task.lastSignAt) / 1000;
  const words = [(Math.floor((elapsed(task, now) ?? 0) / 100) / 10).toFixed(1) + " s"];
  if (task.partials > 0) words.push(t("previewCount", { n: task.partials, of: Math.max(partials, task.partials) }));
  else if (task.form === "json" && stream) words.push(t("comesWhole"));
  else if (task.heartbeats > 0 && quietS < 30) words.push(t("alive"));
  else words.push(t("waitingFor"));
  return <span className="sw-numbers">{words.join(" · ")}</span>;
}
