/** Files out of the browser: one picture, or an archive of many. */

import { blobOf } from "./db";
import { extensionOf } from "./pictures";
import type { Picture, Task } from "./task";

/** Save one picture under a name that tells what it is of. */
export async function savePicture(task: Task, picture: Picture): Promise<void> {
  const blob = await blobOf(picture.hash);
  if (blob) save(blob, `${nameFor(task)}.${extensionOf(picture.mime)}`);
}

export async function saveArchive(tasks: readonly Task[]): Promise<void> {
  const { pack } = await import("./archive");
  save(new Blob([await pack(tasks)], { type: "application/zip" }), `sluiceway-studio-${stamp(Date.now())}.zip`);
}

/** `a-weir-at-dawn-20261121-1702`: letters of any script, no more than a file system likes. */
export function nameFor(task: Pick<Task, "asked" | "createdAt" | "position" | "of">): string {
  const words = task.asked.prompt.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ["picture"];
  const place = task.of > 1 ? `-${task.position}` : "";
  return `${words.join("-").slice(0, 48).replace(/-$/, "")}-${stamp(task.createdAt)}${place}`;
}

function stamp(ms: number): string {
  const at = new Date(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}-${two(at.getHours())}${two(at.getMinutes())}`;
}

function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  [link.href, link.download] = [url, name];
  link.click();
  // The browser needs it until it has begun to write.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
