/** Finding tasks again: by words of what was asked and said, and by what became of them. */

import { isRunning, type Task } from "./task";

export const FILTERS = ["all", "favourites", "edits", "failed"] as const;
export type Filter = (typeof FILTERS)[number];

export function found(tasks: readonly Task[], words: string, filter: Filter): readonly Task[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  if (wanted.length === 0 && filter === "all") return tasks;
  return tasks.filter((task) => {
    if (filter === "favourites" && !task.favourite) return false;
    if (filter === "edits" && task.asked.references.length === 0) return false;
    if (filter === "failed" && (isRunning(task) || task.status === "done")) return false;
    const { prompt, model, mode, params } = task.asked;
    const text = `${prompt} ${task.revisedPrompt ?? ""} ${model} ${mode} ${params.size} ${task.actual.size ?? ""} ${params.format}`.toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
}
