/**
 * One picture that was asked for, from the queue to its end, as a pure reducer: `next(task, event)`.
 *
 * What is shown while it forms (`previews`) is never a result: it is kept apart, and gone when the task ends, however
 * it ends. Asking for several pictures makes as many tasks with one `group`, since the events of the Images API do not
 * say which picture they belong to; so one that fails takes no other along.
 */

import type { Problem } from "@/lib/errors";
import type { Mode } from "@/lib/profiles";

import type { Params } from "./params";

export type Status = "queued" | "streaming" | "done" | "failed" | "cancelled" | "interrupted";

/** A picture that is kept: its bytes are found by its hash. */
export interface Picture {
  /** SHA-256, in hexadecimal digits. */
  hash: string;
  mime: string;
  bytes: number;
  /** In pixels; 0: unknown. */
  width: number;
  height: number;
}

/** A picture as it forms. */
export interface Preview {
  index: number;
  blob: Blob;
}

/** What was asked, and of whom. Never holds a key. */
export interface Asked {
  prompt: string;
  mode: Mode;
  model: string;
  params: Params;
  references: readonly Picture[];
  /** Where the first reference may change. */
  mask: Picture | null;
  profile: { id: string; name: string; baseUrl: string };
}

/** What the answer says it is, by the names of the API. */
export type Actual = Readonly<Partial<Record<"size" | "quality" | "background" | "output_format" | "model", string>>>;

export interface Usage {
  input: number | null;
  output: number | null;
  total: number | null;
}

export interface Task {
  id: string;
  group: string;
  /** Counted from 1, of so many that were asked for at once. */
  position: number;
  of: number;
  status: Status;
  asked: Asked;
  /** Milliseconds since 1970, as all times here. */
  createdAt: number;
  startedAt: number | null;
  firstPictureAt: number | null;
  /** When anything last came, be it a heartbeat. */
  lastSignAt: number | null;
  endedAt: number | null;
  heartbeats: number;
  /** How many pictures were seen forming. */
  partials: number;
  /** `json`: it came in one piece, whether or not a stream was asked for. */
  form: "stream" | "json" | null;
  requestId: string | null;
  previews: readonly Preview[];
  results: readonly Picture[];
  actual: Actual;
  revisedPrompt: string | null;
  /** What the model said beside the picture. */
  words: string;
  usage: Usage | null;
  /** Why it failed; or, of one that is done, what went wrong after its picture had come. */
  problem: Problem | null;
  favourite: boolean;
}

export type TaskEvent =
  | { type: "started"; at: number }
  | { type: "opened"; at: number; form: "stream" | "json"; requestId: string | null }
  | { type: "heartbeat"; at: number }
  | { type: "preview"; at: number; preview: Preview; actual?: Actual }
  | { type: "result"; at: number; picture: Picture; actual?: Actual; revisedPrompt?: string | null }
  | { type: "facts"; at: number; usage?: Usage | null; words?: string; actual?: Actual }
  | { type: "finished"; at: number }
  | { type: "failed"; at: number; problem: Problem }
  | { type: "cancelled"; at: number }
  | { type: "interrupted"; at: number };

export function newTask(id: string, asked: Asked, at: number, place = { group: id, position: 1, of: 1 }): Task {
  return {
    id,
    ...place,
    status: "queued",
    asked,
    createdAt: at,
    startedAt: null,
    firstPictureAt: null,
    lastSignAt: null,
    endedAt: null,
    heartbeats: 0,
    partials: 0,
    form: null,
    requestId: null,
    previews: [],
    results: [],
    actual: {},
    revisedPrompt: null,
    words: "",
    usage: null,
    problem: null,
    favourite: false,
  };
}

/** The task after the event. One that has ended stays as it is: what still comes was on its way when it ended. */
export function next(task: Task, event: TaskEvent): Task {
  if (!isRunning(task)) return task;
  const seen: Task = { ...task, lastSignAt: event.at };
  switch (event.type) {
    case "started":
      return { ...task, status: "streaming", startedAt: event.at };
    case "opened":
      return { ...seen, form: event.form, requestId: event.requestId };
    case "heartbeat":
      return { ...seen, heartbeats: task.heartbeats + 1 };
    case "preview":
      return {
        ...seen,
        previews: [...task.previews.filter((one) => one.index !== event.preview.index), event.preview],
        partials: task.partials + 1,
        firstPictureAt: task.firstPictureAt ?? event.at,
        actual: { ...task.actual, ...event.actual },
      };
    case "result":
      return {
        ...seen,
        results: [...task.results.filter((one) => one.hash !== event.picture.hash), event.picture],
        firstPictureAt: task.firstPictureAt ?? event.at,
        actual: { ...task.actual, ...event.actual },
        revisedPrompt: event.revisedPrompt ?? task.revisedPrompt,
      };
    case "facts":
      return {
        ...seen,
        usage: event.usage ?? task.usage,
        words: task.words + (event.words ?? ""),
        actual: { ...task.actual, ...event.actual },
      };
    case "finished":
      if (task.results.length > 0) return ended(seen, "done", event.at);
      return { ...ended(seen, "failed", event.at), problem: { message: task.words || "no picture came", code: "no_picture" } };
    case "failed":
      // The picture is there: what broke after it is worth a word, not the picture.
      // And the end is no sign of life: how long it was silent before tells who may have cut it.
      return { ...ended(task, task.results.length > 0 ? "done" : "failed", event.at), problem: event.problem };
    case "cancelled":
    case "interrupted":
      return ended(task, event.type, event.at);
  }
}

function ended(task: Task, status: Status, at: number): Task {
  return { ...task, status, endedAt: at, previews: [] };
}

export function isRunning(task: Pick<Task, "status">): boolean {
  return task.status === "queued" || task.status === "streaming";
}

/** Milliseconds from when it was sent until its end, or until now; null before it was sent. */
export function elapsed(task: Task, now: number): number | null {
  return task.startedAt === null ? null : Math.max(0, (task.endedAt ?? now) - task.startedAt);
}

/** The picture that shows best how far it has come, of those that are only previews. */
export function latestPreview(task: Task): Preview | undefined {
  return task.previews.reduce<Preview | undefined>((best, one) => (best && best.index > one.index ? best : one), undefined);
}
