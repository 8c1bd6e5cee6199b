/** What a chat is made of. Plain values: they are kept in the browser's database as they are. */

import type { Problem } from "@/lib/errors";

export const DIALECTS = ["chat", "responses", "messages"] as const;

/** The APIs that an answer can be asked for with. */
export type Dialect = (typeof DIALECTS)[number];

/** Tokens; `null`: nobody said. */
export interface Usage {
  input: number | null;
  output: number | null;
  /** Of the output. */
  reasoning: number | null;
  /** Of the input. */
  cached: number | null;
}

/** What one event of a stream adds to an answer, in whichever dialect it came. */
export type Delta =
  | { kind: "begin"; model: string }
  | { kind: "text"; text: string }
  | { kind: "reasoning"; text: string }
  /** Closes the thought before it: Anthropic wants both back. */
  | { kind: "signature"; text: string }
  /** A thought that only the provider can read. */
  | { kind: "redacted"; data: string }
  /** Closes the thought before it: the Responses API wants the whole item back. */
  | { kind: "sealed"; item: Readonly<Record<string, unknown>> }
  /** `piece` is added to the arguments, `whole` takes their place. */
  | { kind: "call"; key: string; id?: string; name?: string; piece?: string; whole?: string }
  | { kind: "image"; key: string; url: string; final: boolean }
  | { kind: "usage"; usage: Partial<Usage> }
  | { kind: "finish"; reason: string }
  | { kind: "error"; problem: Problem }
  /** Somebody on the way keeps the line open. */
  | { kind: "beat" }
  /** The answer is whole. */
  | { kind: "end" };

export type Part =
  | { type: "text"; text: string }
  | Thinking
  | { type: "call"; key: string; id: string; name: string; arguments: string }
  | { type: "image"; key: string; url: string; final: boolean };

/** At most one of the three says what goes back to the provider, which alone can tell whether it is its own. */
export interface Thinking {
  type: "reasoning";
  text: string;
  signature?: string;
  redacted?: string;
  /** As it came: with `encrypted_content`. */
  item?: Readonly<Record<string, unknown>>;
}

export type Call = Extract<Part, { type: "call" }>;

/**
 * `running`: more may come. `done`: the provider ended it. `stopped`: the user did. `error`: it broke off, or never
 * began. `lost`: the page was closed while it came.
 */
export type Status = "running" | "done" | "stopped" | "error" | "lost";

export interface Answer {
  status: Status;
  parts: Part[];
  /** As the provider calls it; empty: it did not say. */
  model: string;
  /** In the provider's words; empty: none. */
  finish: string;
  usage: Usage;
  error: Problem | null;
  /** Milliseconds since the question, of the first token and of the end. */
  firstMs: number | null;
  endMs: number | null;
  /** Milliseconds since the question, of the last thing that came. */
  lastMs: number | null;
  /** Milliseconds since the question, of the last count of its tokens that came after the first one. */
  countedMs: number | null;
  /** Events that brought text, thoughts or arguments. */
  pieces: number;
  /** Heartbeats, ours and the provider's. */
  beats: number;
  requestId: string;
}

/** In pixels. */
export interface Size {
  width: number;
  height: number;
}

export interface Picture {
  name: string;
  /** A `data:` address. */
  url: string;
  /** It was larger. */
  scaled?: { from: Size; to: Size };
}

export interface Result {
  call: string;
  name: string;
  text: string;
}

interface Placed {
  id: string;
  /** The turn before it; `null`: it begins the conversation. */
  parent: string | null;
  /** Unix milliseconds. */
  at: number;
}

export type UserTurn = Placed & { role: "user"; text: string; pictures: Picture[] };
export type AnswerTurn = Placed & { role: "assistant"; dialect: Dialect; asked: string; answer: Answer };
export type ResultsTurn = Placed & { role: "tool"; results: Result[] };
export type Turn = UserTurn | AnswerTurn | ResultsTurn;

/** All turns in the order they were made; `chosen` says which of several to follow, by what they come after. */
export interface Tree {
  turns: readonly Turn[];
  chosen: Readonly<Record<string, string>>;
}

/** One column: a model, and what was said with it. */
export interface Lane {
  id: string;
  dialect: Dialect;
  model: string;
  tree: Tree;
}

export const EFFORTS = ["none", "auto", "low", "medium", "high"] as const;

/** How much to think: `none` says nothing about it, `auto` leaves it to the model but asks to see it. */
export type Effort = (typeof EFFORTS)[number];

export interface Tool {
  name: string;
  description: string;
  /** JSON schema of its arguments, as the user typed it. */
  schema: string;
}

export interface Settings {
  /** Id of a profile; empty: the one in use. */
  profile: string;
  system: string;
  maxTokens: number | null;
  temperature: number | null;
  effort: Effort;
  tools: Tool[];
  /** Let the model draw: responses only. */
  drawing: boolean;
}

export interface Conversation {
  id: string;
  title: string;
  /** Unix milliseconds. */
  updated: number;
  settings: Settings;
  /** One, or two side by side. */
  lanes: Lane[];
}

export const NO_SETTINGS: Settings = {
  profile: "",
  system: "",
  maxTokens: null,
  temperature: null,
  effort: "none",
  tools: [],
  drawing: false,
};
