/** What the browser keeps: the tasks, and the bytes of their pictures, each once however many tasks have it. */

import { Dexie, type Table } from "dexie";

import { store } from "@/lib/persisted";

import { hashOf, measure } from "./pictures";
import { isRunning, next, type Picture, type Task } from "./task";

/** A task as it is kept: previews are gone with the page. */
export type KeptTask = Omit<Task, "previews"> & { previews?: undefined };

interface KeptBlob {
  hash: string;
  mime: string;
  bytes: ArrayBuffer;
  /** When it last came in: those that just came may not yet belong to a task. */
  at: number;
}

/** A picture that belongs to no task is left for as long as it may be in somebody's hands. */
const ORPHAN_MS = 60 * 60 * 1000;

class StudioDatabase extends Dexie {
  declare tasks: Table<KeptTask, string>;
  declare blobs: Table<KeptBlob, string>;

  constructor() {
    super("sluiceway.studio");
    this.version(1).stores({ tasks: "id, createdAt, group", blobs: "hash, at" });
  }
}

export const db = new StudioDatabase();

/** Whether the browser keeps what it is given. Where it does not, it is full, or a private window of some browsers. */
export const keeps = store(true);

/** Also where the browser keeps nothing (private windows of some): what came in since the page was loaded. */
const recent = new Map<string, Blob>();
const RECENT = 48;

/** Keep the bytes; the answer is how to find them again. */
export async function keep(blob: Blob, at = Date.now()): Promise<Picture> {
  const [hash, size] = await Promise.all([hashOf(blob), measure(blob)]);
  remember(hash, blob);
  const bytes = await blob.arrayBuffer();
  try {
    await db.blobs.put({ hash, mime: blob.type, bytes, at });
    keeps.set(true);
  } catch {
    // It lasts as long as the page, then, and the page says so.
    keeps.set(false);
  }
  return { hash, mime: blob.type, bytes: blob.size, ...size };
}

/** The bytes of a picture; undefined if they are gone. */
export async function blobOf(hash: string): Promise<Blob | undefined> {
  const known = recent.get(hash);
  if (known) return known;
  const kept = await db.blobs.get(hash).catch(() => undefined);
  if (kept === undefined) return undefined;
  const blob = new Blob([kept.bytes], { type: kept.mime });
  remember(hash, blob);
  return blob;
}

/** If it is in memory. */
export function recentBlob(hash: string): Blob | undefined {
  return recent.get(hash);
}

function remember(hash: string, blob: Blob): void {
  recent.delete(hash);
  recent.set(hash, blob);
  const oldest = recent.keys().next();
  if (recent.size > RECENT && !oldest.done) recent.delete(oldest.value);
}

export async function keepTask(task: Task): Promise<void> {
  try {
    await db.tasks.put({ ...task, previews: undefined });
  } catch {
    keeps.set(false);
  }
}

/** Newest first. */
export async function allTasks(): Promise<Task[]> {
  const kept = await db.tasks.orderBy("createdAt").reverse().toArray();
  return kept.map((task) => ({ ...task, previews: [] }));
}

export async function setFavourite(ids: readonly string[], favourite: boolean): Promise<void> {
  await db.tasks.where("id").anyOf([...ids]).modify({ favourite }).catch(() => keeps.set(false));
}

/** Tasks that ran when their page went away; `runs`: whether one still does, here or in another tab. */
export async function markInterrupted(runs: (id: string) => boolean, at = Date.now()): Promise<number> {
  const left = (await allTasks().catch(() => [])).filter((task) => isRunning(task) && !runs(task.id));
  await Promise.all(left.map((task) => keepTask(next(task, { type: "interrupted", at: task.lastSignAt ?? at }))));
  return left.length;
}

/** Forget tasks, and the pictures that no other task has; `held`: pictures that are in use elsewhere. */
export async function forget(ids: readonly string[], held: readonly string[] = [], now = Date.now()): Promise<void> {
  await db.transaction("rw", db.tasks, db.blobs, async () => {
    const gone = await db.tasks.bulkGet([...ids]);
    await db.tasks.bulkDelete([...ids]);
    const used = new Set(held);
    await db.tasks.each((task) => hashesOf(task).forEach((hash) => used.add(hash)));
    const lost = new Set(gone.flatMap((task) => (task ? hashesOf(task) : [])).filter((hash) => !used.has(hash)));
    const orphans = await db.blobs.where("at").below(now - ORPHAN_MS).primaryKeys();
    for (const hash of orphans) if (!used.has(hash)) lost.add(hash);
    await db.blobs.bulkDelete([...lost]);
    for (const hash of lost) recent.delete(hash);
  });
}

/** Of every picture that a task has: results, references, mask. */
export function hashesOf(task: Pick<Task, "asked" | "results">): string[] {
  const { references, mask } = task.asked;
  return [...task.results, ...references, ...(mask ? [mask] : [])].map((one) => one.hash);
}
