/** What the readers of all dialects share. */

import { errorIn, isObject } from "@/lib/errors";
import type { SseEvent } from "@/lib/sse";

import type { Delta, Usage } from "../types";

/** Reads the events of one answer, in order. */
export interface Reader {
  read: (event: SseEvent) => Delta[];
  /** The stream is over: an error, unless the dialect's end was seen. */
  end: () => Delta[];
  /** An answer that came as one piece of JSON. */
  whole: (value: unknown) => Delta[];
}

/** Code of the error for a stream that ended without its end; the gateway's own name for it. */
export const TRUNCATED = "upstream_truncated";

export const END: Delta = { kind: "end" };

export type Fields = Record<string, unknown>;

/** The object in an event's data; else the error that is in it, or that it is. */
export function decoded(event: SseEvent): { value: Fields } | { failed: Delta } {
  let value: unknown;
  try {
    value = JSON.parse(event.data);
  } catch {
    return { failed: { kind: "error", problem: { message: "An event of the stream is no JSON.", code: "invalid_event", raw: event.data } } };
  }
  const problem = errorIn(value);
  if (problem) return { failed: { kind: "error", problem: { ...problem, raw: event.data } } };
  return isObject(value) ? { value } : { value: {} };
}

export function truncated(): Delta {
  return { kind: "error", problem: { message: "The stream ended before the answer did.", code: TRUNCATED } };
}

export function fields(value: unknown): Fields {
  return isObject(value) ? value : {};
}

/** The objects in what should be a list. */
export function list(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** Only what was said, so that a later report does not unsay an earlier one. */
export function usage(said: Usage): Delta {
  return { kind: "usage", usage: Object.fromEntries(Object.entries(said).filter(([, count]) => count !== null)) };
}
