import { IconPhotoOff } from "@tabler/icons-react";
import { useEffect, useState } from "react";

import { useNow } from "@/ui/TimeAgo";

import { useT } from "./i18n";
import { BlobPicture, KeptPicture } from "./KeptPicture";
import classes from "./Picture.module.css";
import { elapsed, isRunning, latestPreview, type Preview, type Task } from "./task";

/** For as long as the picture rises over the last preview: see `rise` in the styles. */
const ARRIVAL_MS = 1_400;

/** What there is to see of a task: its picture, or the previews so far, one fading over the other, or water. */
export function Forming({ task, result = 0, fit = "cover" }: { task: Task; result?: number; fit?: "cover" | "contain" }) {
  const t = useT();
  const picture = task.results[result];
  const running = isRunning(task);
  const latest = latestPreview(task);
  const under = useLastSeen(latest, picture !== undefined);
  const [rises, setRises] = useState(false);
  if (under !== undefined && !rises) setRises(true);
  return (
    <div className={classes.forming} data-fit={fit} data-status={task.status}>
      {running && picture === undefined && (fit === "cover" || task.previews.length === 0) && <div className={classes.water} data-queued={task.status === "queued" || undefined} />}
      {under && latest === undefined && (
        <span aria-hidden>
          <BlobPicture blob={under.blob} alt="" />
        </span>
      )}
      {task.previews.map((one) => (
        <span key={one.index} className={classes.preview} data-preview={one.index} aria-hidden={one !== latest}>
          <BlobPicture blob={one.blob} alt={one === latest ? t("previewAlt", { n: one.index + 1, prompt: task.asked.prompt }) : ""} />
        </span>
      ))}
      {picture && <KeptPicture hash={picture.hash} alt={task.asked.prompt} className={rises ? classes.arriving : classes.final} />}
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

/**
 * The last preview, until the picture has risen over it: nothing flashes in between. Of a task that ends without a
 * picture, it is gone at once.
 */
function useLastSeen(latest: Preview | undefined, arrived: boolean): Preview | undefined {
  const [seen, setSeen] = useState(latest);
  if (latest !== undefined && latest !== seen) setSeen(latest);
  useEffect(() => {
    if (!arrived) return undefined;
    const timer = setTimeout(() => setSeen(undefined), ARRIVAL_MS);
    return () => clearTimeout(timer);
  }, [arrived]);
  return arrived ? seen : undefined;
}

/** How far it has come: a mark for each preview and one for the picture, without words. */
export function Steps({ task }: { task: Task }) {
  const { stream, partials } = task.asked.params;
  if (!stream || partials === 0 || task.form === "json") return null;
  return (
    <span className={classes.steps} aria-hidden>
      {Array.from({ length: partials + 1 }, (_, step) => (
        <span key={step} data-come={step < task.partials || undefined} data-next={(step === task.partials && task.status === "streaming") || undefined} />
      ))}
    </span>
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
