import { useFormat } from "@/i18n";

import { hintFor } from "./hint";
import { useT } from "./i18n";
import { elapsed, type Task } from "./task";

/** In words: how it ended, and what is probably behind it. */
export function useProblemWords(task: Task): { title: string; hint: string | undefined } {
  const t = useT();
  const format = useFormat();
  const hint = hintFor(task);
  const time = format.duration(elapsed(task, task.endedAt ?? 0));
  const titles = {
    cancelled: t("wasCancelled"),
    interrupted: t("wasInterrupted"),
    failed: t("failedAfter", { time }),
    done: t("doneBut"),
    queued: "",
    streaming: "",
  };
  return { title: titles[task.status], hint: hint && t(`hint_${hint}`) };
}
