/** The course of a request in parts, for a bar: how long it waited for what. Pure. */

import type { RequestRecord } from "@/lib/api";

export const PARTS = ["queued", "connect", "head", "firstEvent", "events", "end"] as const;
export type PartName = (typeof PARTS)[number];

export interface Part {
  name: PartName;
  /** Milliseconds since the request came. */
  from: number;
  to: number;
}

/**
 * The moments of a record as parts that follow one another. A moment that did not happen has no part: what it would
 * have begun belongs to the part that was under way.
 */
export function courseOf(record: RequestRecord): Part[] {
  // Each moment ends the part of its name.
  const moments: [PartName, number | null][] = [
    ["queued", record.queued_ms],
    ["connect", record.connect_ms],
    ["head", record.head_ms],
    ["firstEvent", record.first_event_ms],
    ["events", record.last_event_ms],
    ["end", record.duration_ms],
  ];
  const parts: Part[] = [];
  let from = 0;
  for (const [name, to] of moments) {
    if (to === null || to <= from) continue;
    parts.push({ name, from, to });
    from = to;
  }
  return parts;
}

/** Output tokens per second after the first event; null where that can't be told. */
export function tokensPerSecond(record: RequestRecord): number | null {
  const tokens = record.usage?.output_tokens ?? null;
  const { first_event_ms: first, last_event_ms: last } = record;
  if (tokens === null || first === null || last === null || last - first < 1) return null;
  return (tokens * 1000) / (last - first);
}

/** What a body of JSON looks like when it is laid out; any other text as it is. */
export function laidOut(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
