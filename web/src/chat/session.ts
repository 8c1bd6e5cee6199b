/**
 * The open conversations, and what can be done with them. They live beside the pages: an answer goes on while another
 * page is looked at.
 */

import { type Store, store } from "@/lib/persisted";
import { currentProfile, type Profile, profiles } from "@/lib/profiles";

import { newAnswer } from "./answer";
import { keep, load, rename as renameKept } from "./db";
import { newConversation, newId, remember } from "./defaults";
import { type Request, requestOf } from "./request";
import { run } from "./run";
import { choose as chosen, find, isRunning, pathOf, pathTo, withAnswer, withTurn } from "./tree";
import type { Conversation, Lane, Picture, Result, Settings, Turn } from "./types";

/** By id. */
export const open: Store<Readonly<Record<string, Conversation>>> = store({});

/** Whether the browser would not keep a conversation: its disk is full, or it forbids it. */
export const unkept = store(false);

/** While an answer comes, it is kept this often: so much a reload can lose. */
const KEEP_EVERY_MS = 1_500;

/** Settings are kept when nothing was changed for this long. */
const SETTLED_MS = 600;

/** Also of a name that a user gives. */
export const MAX_TITLE_LENGTH = 70;

const controllers = new Map<string, AbortController>();
let draft = "";
let settling: ReturnType<typeof setTimeout> | undefined;

// ── opening ────────────────────────────────────────────────────────────────────────────────────────────────

/** Id of a conversation in which nothing was said yet. */
export function draftId(): string {
  const known = open.get()[draft];
  if (known?.lanes.every((lane) => lane.tree.turns.length === 0)) return draft;
  const made = newConversation(Date.now());
  open.set((all) => ({ ...all, [made.id]: made }));
  draft = made.id;
  return draft;
}

/** Answers with whether there is one. */
export async function openKept(id: string): Promise<boolean> {
  if (open.get()[id]) return true;
  const found = await load(id);
  if (found) open.set((all) => (all[id] ? all : { ...all, [id]: found }));
  return found !== undefined;
}

/** Its answers are stopped, too. */
export function close(id: string): void {
  stop(id);
  open.set((all) => Object.fromEntries(Object.entries(all).filter(([known]) => known !== id)));
}

// ── saying ─────────────────────────────────────────────────────────────────────────────────────────────────

/** Say something to each lane. */
export function send(id: string, text: string, pictures: Picture[]): void {
  say(id, text, pictures, (lane) => pathOf(lane.tree).at(-1)?.id ?? null);
}

/** Say it differently, beside what was said: in each lane where it was. */
export function edit(id: string, turnId: string, text: string, pictures: Picture[]): void {
  say(id, text, pictures, (lane) => find(lane.tree, turnId)?.parent);
}

function say(id: string, text: string, pictures: Picture[], parentIn: (lane: Lane) => string | null | undefined): void {
  const turn = { id: newId(), at: Date.now(), role: "user" as const, text, pictures };
  for (const lane of open.get()[id]?.lanes ?? []) {
    const parent = parentIn(lane);
    if (parent === undefined) continue;
    add(id, lane.id, { ...turn, parent });
    ask(id, lane.id, turn.id);
  }
  const title = text.replace(/[#*`>]/g, "").trim().replace(/\s+/g, " ").slice(0, MAX_TITLE_LENGTH);
  change(id, (conversation) => ({ ...conversation, title: conversation.title || title || (pictures[0]?.name ?? "") }));
  void save(id);
}

/** What the tools answered to the calls of this turn. */
export function sendResults(id: string, laneId: string, turnId: string, results: Result[]): void {
  const turn: Turn = { id: newId(), parent: turnId, at: Date.now(), role: "tool", results };
  add(id, laneId, turn);
  ask(id, laneId, turn.id);
  void save(id);
}

/** Another answer in this one's place; both stay. */
export function again(id: string, laneId: string, turnId: string): void {
  const lane = laneOf(id, laneId);
  const parent = lane && find(lane.tree, turnId)?.parent;
  if (!parent) return;
  ask(id, laneId, parent);
  void save(id);
}

/** Follow the branch of this turn: in each lane where it is. */
export function choose(id: string, turnId: string): void {
  change(id, (conversation) => ({ ...conversation, lanes: conversation.lanes.map((lane) => ({ ...lane, tree: chosen(lane.tree, turnId) })) }));
  void save(id);
}

export function stop(id: string): void {
  for (const lane of open.get()[id]?.lanes ?? []) {
    for (const turn of lane.tree.turns) controllers.get(turn.id)?.abort();
  }
}

// ── settings and lanes ─────────────────────────────────────────────────────────────────────────────────────

export function setLane(id: string, laneId: string, what: Partial<Pick<Lane, "dialect" | "model">>): void {
  changeLane(id, laneId, (lane) => ({ ...lane, ...what }));
  settled(id);
}

export function setSettings(id: string, settings: Settings): void {
  change(id, (conversation) => ({ ...conversation, settings }));
  settled(id);
}

/** Another model beside the first one, which knows all that was said so far. */
export function addLane(id: string, model: string): void {
  change(id, (conversation) => {
    const first = conversation.lanes[0];
    return first ? { ...conversation, lanes: [first, { ...first, id: newId(), model: model || first.model }] } : conversation;
  });
  settled(id);
}

export function removeLane(id: string, laneId: string): void {
  for (const turn of laneOf(id, laneId)?.tree.turns ?? []) controllers.get(turn.id)?.abort();
  change(id, (conversation) => ({ ...conversation, lanes: conversation.lanes.filter((lane) => lane.id !== laneId) }));
  settled(id);
}

/** Whether it is open or not. */
export async function rename(id: string, title: string): Promise<void> {
  if (open.get()[id]) {
    change(id, (conversation) => ({ ...conversation, title }));
    await save(id);
  } else {
    await renameKept(id, title);
  }
}

function settled(id: string): void {
  const conversation = open.get()[id];
  const first = conversation?.lanes[0];
  if (conversation && first) remember(first, conversation.settings);
  // Not with each letter that is typed.
  clearTimeout(settling);
  settling = setTimeout(() => void save(id), SETTLED_MS);
}

// ── asking ─────────────────────────────────────────────────────────────────────────────────────────────────

export function profileOf(settings: Settings): Profile {
  return profiles.get().list.find((one) => one.id === settings.profile) ?? currentProfile();
}

/** What is sent for the turn that comes after `turnId`. */
export function requestAfter(conversation: Conversation, lane: Lane, turnId: string): Request {
  return requestOf(lane.dialect, lane.model, conversation.settings, pathTo(lane.tree, turnId));
}

function ask(id: string, laneId: string, after: string): void {
  const conversation = open.get()[id];
  const lane = laneOf(id, laneId);
  if (!conversation || !lane) return;
  const request = requestAfter(conversation, lane, after);
  const turnId = newId();
  const { dialect, model } = lane;
  add(id, laneId, { id: turnId, parent: after, at: Date.now(), role: "assistant", dialect, asked: model, answer: newAnswer() });

  const controller = new AbortController();
  // Two lanes may hold turns of the same id, but never answers.
  controllers.set(turnId, controller);
  const keeping = setInterval(() => void save(id), KEEP_EVERY_MS);
  void run(dialect, request, profileOf(conversation.settings), controller.signal, (how) =>
    changeLane(id, laneId, (one) => ({ ...one, tree: withAnswer(one.tree, turnId, how) })),
  ).then(() => {
    clearInterval(keeping);
    controllers.delete(turnId);
    void save(id);
  });
}

// ── below ──────────────────────────────────────────────────────────────────────────────────────────────────

function laneOf(id: string, laneId: string): Lane | undefined {
  return open.get()[id]?.lanes.find((lane) => lane.id === laneId);
}

function add(id: string, laneId: string, turn: Turn): void {
  changeLane(id, laneId, (lane) => ({ ...lane, tree: withTurn(lane.tree, turn) }));
  change(id, (conversation) => ({ ...conversation, updated: Date.now() }));
}

function change(id: string, how: (conversation: Conversation) => Conversation): void {
  open.set((all) => {
    const known = all[id];
    return known ? { ...all, [id]: how(known) } : all;
  });
}

function changeLane(id: string, laneId: string, how: (lane: Lane) => Lane): void {
  change(id, (conversation) => ({
    ...conversation,
    lanes: conversation.lanes.map((lane) => (lane.id === laneId ? how(lane) : lane)),
  }));
}

/** Drafts are not kept: nothing was said in them. */
async function save(id: string): Promise<void> {
  const conversation = open.get()[id];
  if (!conversation?.lanes.some((lane) => lane.tree.turns.length > 0)) return;
  try {
    await keep(conversation);
    unkept.set(false);
  } catch {
    unkept.set(true);
  }
}

export function isBusy(conversation: Conversation): boolean {
  return conversation.lanes.some((lane) => isRunning(lane.tree));
}
