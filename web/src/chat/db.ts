/** Conversations in the browser's database. The list is kept apart, so that it comes without all that was said. */

import Dexie, { type EntityTable } from "dexie";

import { textOf } from "./answer";
import { restored } from "./tree";
import type { Conversation } from "./types";

/** A line of the history. */
export interface Head {
  id: string;
  title: string;
  /** Unix milliseconds. */
  updated: number;
  models: string[];
  /** What a search looks into, in lower case. */
  words: string;
}

/** Of a long conversation, only so much is searched. */
const MAX_WORDS_LENGTH = 40_000;

const db = new Dexie("sluiceway-chat") as Dexie & {
  heads: EntityTable<Head, "id">;
  bodies: EntityTable<Conversation, "id">;
};

db.version(1).stores({ heads: "id, updated", bodies: "id" });

export async function keep(conversation: Conversation): Promise<void> {
  await db.transaction("rw", db.heads, db.bodies, async () => {
    await db.heads.put(headOf(conversation));
    await db.bodies.put(conversation);
  });
}

/** Its place in the history stays: nothing was said. */
export async function rename(id: string, title: string): Promise<void> {
  await db.transaction("rw", db.heads, db.bodies, async () => {
    const found = await db.bodies.get(id);
    if (found) await keep({ ...found, title });
  });
}

/** Whether a line of the history has each of these words. */
export function isAbout({ words }: Head, wanted: string): boolean {
  return wanted
    .toLowerCase()
    .split(/\s+/)
    .every((word) => words.includes(word));
}

/** As it was kept; nothing in it runs any more. */
export async function load(id: string): Promise<Conversation | undefined> {
  const found = await db.bodies.get(id);
  return found && { ...found, lanes: found.lanes.map((lane) => ({ ...lane, tree: restored(lane.tree) })) };
}

/** The latest first. */
export function heads(): Promise<Head[]> {
  return db.heads.orderBy("updated").reverse().toArray();
}

export async function forget(id: string): Promise<void> {
  await db.transaction("rw", db.heads, db.bodies, async () => {
    await db.heads.delete(id);
    await db.bodies.delete(id);
  });
}

export async function forgetAll(): Promise<void> {
  await db.transaction("rw", db.heads, db.bodies, async () => {
    await db.heads.clear();
    await db.bodies.clear();
  });
}

function headOf(conversation: Conversation): Head {
  const { id, title, updated, lanes } = conversation;
  const said = lanes.flatMap((lane) =>
    lane.tree.turns.map((turn) => (turn.role === "user" ? turn.text : turn.role === "assistant" ? textOf(turn.answer) : "")),
  );
  const words = [title, ...said].join("\n").slice(0, MAX_WORDS_LENGTH).toLowerCase();
  return { id, title, updated, models: [...new Set(lanes.map((lane) => lane.model))], words };
}
