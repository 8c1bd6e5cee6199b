/** The tasks of this page: a few run at once, the others wait their turn; each is kept when it begins and when it ends. */

import { currentProfile, type Profile, profiles } from "@/lib/profiles";
import { store } from "@/lib/persisted";

import { forget, keepTask, markInterrupted, setFavourite } from "./db";
import { run } from "./run";
import { type Asked, isRunning, newTask, next, type Task, type TaskEvent } from "./task";

/** Browsers have six connections per host over HTTP/1.1, and the page needs some for itself. */
const MAX_AT_ONCE = 4;

/** Of tasks that ended here, as many stay at hand. */
const MAX_ENDED = 40;

/** A task that runs holds a lock of this name, so that other tabs know that it does. */
const LOCK = "sluiceway.studio.task.";

export const live = store<readonly Task[]>([]);

const controllers = new Map<string, AbortController>();
const waiting: { task: Task; profile: Profile }[] = [];
let running = 0;

/** Ask for so many pictures; the answer is their tasks. */
export function ask(asked: Asked, count: number, profile: Profile = profileOf(asked)): Task[] {
  const group = newId();
  const at = Date.now();
  // The first one counts as the newest, so that it stands first.
  const tasks = Array.from({ length: count }, (_, index) =>
    newTask(newId(), asked, at + count - index, { group, position: index + 1, of: count }),
  );
  live.set((all) => [...tasks, ...all.filter((one, index) => isRunning(one) || index < MAX_ENDED)]);
  for (const task of tasks) {
    void keepTask(task);
    waiting.push({ task, profile });
  }
  startNext();
  return tasks;
}

/** The same once more. */
export function retry(task: Task): Task | undefined {
  return ask(task.asked, 1)[0];
}

export function cancel(id: string): void {
  const queued = waiting.findIndex((one) => one.task.id === id);
  if (queued >= 0) {
    waiting.splice(queued, 1);
    tell(id, { type: "cancelled", at: Date.now() });
  }
  controllers.get(id)?.abort();
}

export async function favour(ids: readonly string[], favourite: boolean): Promise<void> {
  live.set((all) => all.map((one) => (ids.includes(one.id) ? { ...one, favourite } : one)));
  await setFavourite(ids, favourite);
}

/** Out of the history; those that run are stopped. `held`: pictures that are in use elsewhere. */
export async function remove(ids: readonly string[], held: readonly string[]): Promise<void> {
  ids.forEach(cancel);
  live.set((all) => all.filter((one) => !ids.includes(one.id)));
  await forget(ids, held);
}

/** Once per page: what ran when a page went away did not end well. */
export async function recover(): Promise<number> {
  // Pages from plain http addresses of other machines have no locks.
  const locks = (navigator as Partial<Navigator>).locks;
  const held = new Set((await locks?.query())?.held?.map((one) => one.name) ?? []);
  const here = (id: string) => live.get().some((task) => task.id === id && isRunning(task));
  return markInterrupted((id) => here(id) || held.has(LOCK + id));
}

/** Unique in this browser, also where `randomUUID` is kept from the page. */
export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(9)), (byte) => byte.toString(36).padStart(2, "0")).join("");
}

function profileOf(asked: Asked): Profile {
  return profiles.get().list.find((one) => one.id === asked.profile.id) ?? currentProfile();
}

function startNext(): void {
  while (running < MAX_AT_ONCE) {
    const first = waiting.shift();
    if (first === undefined) return;
    running += 1;
    void start(first.task, first.profile).finally(() => {
      running -= 1;
      startNext();
    });
  }
}

async function start(task: Task, profile: Profile): Promise<void> {
  const controller = new AbortController();
  controllers.set(task.id, controller);
  const work = () => run(task, { profile, signal: controller.signal, tell: (event) => tell(task.id, event) });
  try {
    const locks = (navigator as Partial<Navigator>).locks;
    await (locks ? locks.request(LOCK + task.id, work) : work());
  } finally {
    controllers.delete(task.id);
  }
}

function tell(id: string, event: TaskEvent): void {
  const before = live.get().find((one) => one.id === id);
  if (before === undefined) return;
  const after = next(before, event);
  if (after === before) return;
  live.set((all) => all.map((one) => (one.id === id ? after : one)));
  // What comes often is not worth a write; the beginning and the end are.
  if (event.type === "started" || event.type === "opened" || event.type === "result" || !isRunning(after)) void keepTask(after);
}
