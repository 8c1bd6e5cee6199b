/**
 * The history as a ZIP file: `studio.json` with the tasks, and each picture once, as `pictures/<hash>.<extension>`.
 *
 * What comes in is checked as if a stranger had made it: tasks by their shape, pictures by their hash and their bytes.
 */

import { unzipSync, zipSync } from "fflate";

import { isObject } from "@/lib/errors";

import { blobOf, hashesOf, keep, keepTask } from "./db";
import { isPicture } from "./draft";
import { readParams } from "./params";
import { extensionOf, kindOf } from "./pictures";
import { newTask, type Picture, type Task } from "./task";

const FORMAT = "sluiceway.studio/1";
const INDEX = "studio.json";

/** The most that an archive may unpack to. */
const MAX_UNPACKED_BYTES = 2_000_000_000;

export async function pack(tasks: readonly Task[]): Promise<Uint8Array<ArrayBuffer>> {
  const files: Record<string, Uint8Array> = {};
  const packed: object[] = [];
  for (const task of tasks) {
    packed.push({ ...task, previews: undefined });
    for (const hash of hashesOf(task)) {
      const blob = await blobOf(hash);
      if (blob) files[`pictures/${hash}.${extensionOf(blob.type)}`] = new Uint8Array(await blob.arrayBuffer());
    }
  }
  files[INDEX] = new TextEncoder().encode(JSON.stringify({ format: FORMAT, tasks: packed }, null, 1));
  // Pictures are compressed as they are.
  return zipSync(files, { level: 0, mtime: new Date(Math.max(Date.UTC(1980, 1), ...tasks.map((task) => task.createdAt))) });
}

export interface Unpacked {
  tasks: number;
  /** Pictures that the archive lacks, or that are not what their name says. */
  missing: number;
}

/** Add an archive's tasks to the history. Throws an `Error` on what is no archive of the studio. */
export async function unpack(archive: Uint8Array, known: ReadonlySet<string>): Promise<Unpacked> {
  let left = MAX_UNPACKED_BYTES;
  const files = unzipSync(archive, {
    filter({ name, originalSize }) {
      left -= originalSize;
      if (left < 0) throw new Error("the archive is too large");
      return name === INDEX || name.startsWith("pictures/");
    },
  });
  const index = files[INDEX];
  if (index === undefined) throw new Error(`there is no ${INDEX} in the archive`);
  const said: unknown = JSON.parse(new TextDecoder().decode(index));
  if (!isObject(said) || said.format !== FORMAT || !Array.isArray(said.tasks)) throw new Error("this is no archive of the studio");
  const kept = new Map<string, Picture>();
  for (const [name, bytes] of Object.entries(files)) {
    const mime = kindOf(bytes);
    if (!name.startsWith("pictures/") || !mime.startsWith("image/")) continue;
    const picture = await keep(new Blob([new Uint8Array(bytes)], { type: mime }));
    kept.set(picture.hash, picture);
  }
  const result: Unpacked = { tasks: 0, missing: 0 };
  for (const one of said.tasks as unknown[]) {
    const task = readTask(one, kept, result);
    if (task === undefined || known.has(task.id)) continue;
    await keepTask(task);
    result.tasks += 1;
  }
  return result;
}

function readTask(found: unknown, kept: ReadonlyMap<string, Picture>, result: Unpacked): Task | undefined {
  if (!isObject(found) || typeof found.id !== "string" || typeof found.createdAt !== "number" || !isObject(found.asked)) return undefined;
  const { asked } = found;
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  const time = (value: unknown) => (typeof value === "number" ? value : null);
  const count = (value: unknown) => (typeof value === "number" ? value : 0);
  const pictures = (value: unknown): Picture[] => {
    const named = Array.isArray(value) ? value.filter(isPicture) : [];
    const here = named.flatMap((one) => kept.get(one.hash) ?? []);
    result.missing += named.length - here.length;
    return here;
  };
  const profile = isObject(asked.profile) ? asked.profile : {};
  const task = newTask(
    found.id,
    {
      prompt: text(asked.prompt),
      mode: asked.mode === "responses" ? "responses" : "images",
      model: text(asked.model),
      params: readParams(asked.params),
      references: pictures(asked.references),
      mask: pictures([asked.mask])[0] ?? null,
      profile: { id: text(profile.id), name: text(profile.name), baseUrl: text(profile.baseUrl) },
    },
    found.createdAt,
    { group: text(found.group) || found.id, position: count(found.position) || 1, of: count(found.of) || 1 },
  );
  const results = pictures(found.results);
  const problem = isObject(found.problem) && typeof found.problem.message === "string" ? { ...found.problem, message: found.problem.message } : null;
  const actual = isObject(found.actual) ? Object.fromEntries(Object.entries(found.actual).filter(([, value]) => typeof value === "string")) : {};
  const usage = isObject(found.usage) ? { input: time(found.usage.input), output: time(found.usage.output), total: time(found.usage.total) } : null;
  const status = (["done", "failed", "cancelled"] as const).find((one) => one === found.status) ?? "interrupted";
  return {
    ...task,
    status: status === "done" && results.length === 0 ? "interrupted" : status,
    startedAt: time(found.startedAt),
    firstPictureAt: time(found.firstPictureAt),
    lastSignAt: time(found.lastSignAt),
    endedAt: time(found.endedAt),
    heartbeats: count(found.heartbeats),
    partials: count(found.partials),
    form: found.form === "stream" || found.form === "json" ? found.form : null,
    requestId: text(found.requestId) || null,
    results,
    actual,
    revisedPrompt: text(found.revisedPrompt) || null,
    words: text(found.words),
    usage,
    problem,
    favourite: found.favourite === true,
  };
}
