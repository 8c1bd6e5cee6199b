/** The streams that run or ran lately, kept current from the changes that the gateway tells. Pure. */

import type { Stream, StreamChanges, Streams } from "@/lib/api";

export type Outcome = NonNullable<Stream["outcome"]>;

export interface Row {
  stream: Stream;
  /** When the number of its events last grew, by this page's clock: how silent it is since. */
  progressAtMs: number;
}

export interface Table {
  /** By the request's id. */
  rows: ReadonlyMap<string, Row>;
  /** Workers that answer; `undefined` before the first word. */
  heard: readonly number[] | undefined;
  /** Requests of which nothing was told: ask for the whole list again. */
  missed: number;
  /** Events that came since the page was opened, over all streams: for a rate. */
  events: number;
}

export const EMPTY: Table = { rows: new Map(), heard: undefined, missed: 0, events: 0 };

/** The gateway itself keeps 200 that are over unless told otherwise; a page that is left open keeps no more than this. */
export const MAX_OVER = 1000;

/** Outcomes that are as they should be, or as the client wished. */
const FINE: ReadonlySet<Outcome> = new Set(["ok", "client_gone"]);

/** It is over, and did not end well. A client's leaving is its own affair; so counts the gateway, too. */
export function isBroken(stream: Stream): boolean {
  return stream.outcome !== null && !FINE.has(stream.outcome);
}

export function isRunning(stream: Stream): boolean {
  return stream.outcome === null;
}

/** After a change. */
export function changed(table: Table, changes: StreamChanges, nowMs: number): Table {
  const rows = new Map(table.rows);
  let events = 0;
  const restarted = new Set(changes.restarted);
  if (restarted.size > 0) {
    for (const [id, { stream }] of rows) if (restarted.has(stream.worker)) rows.delete(id);
  }
  for (const stream of changes.began) events += put(rows, stream, nowMs);
  for (const step of changes.progressed) {
    const before = rows.get(step.request_id);
    // One that is over stays so, and one that nobody told of can't be made of its figures alone.
    if (before === undefined || !isRunning(before.stream)) continue;
    events += put(rows, { ...before.stream, ...step }, nowMs);
  }
  for (const stream of changes.ended) events += put(rows, stream, nowMs);
  return {
    rows: bounded(rows),
    heard: changes.heard,
    missed: table.missed + changes.missed,
    events: table.events + events,
  };
}

/** After the whole list was asked for at `askedAtMs`, which may be older than what is known. */
export function listed(table: Table, list: Streams, nowMs: number, askedAtMs: number): Table {
  const rows = new Map<string, Row>();
  const told = new Set([...list.live, ...list.recent].map((stream) => stream.request_id));
  const heard = new Set(list.heard);
  for (const [id, row] of table.rows) {
    // A live one that the gateway does not name any more is forgotten: its end was missed. But what began while the
    // list was on its way can't be in it.
    const isMissing = isRunning(row.stream) && !told.has(id) && heard.has(row.stream.worker) && row.progressAtMs < askedAtMs;
    if (!isMissing) rows.set(id, row);
  }
  for (const stream of [...list.live, ...list.recent]) put(rows, stream, nowMs);
  return { ...table, rows: bounded(rows), heard: list.heard, missed: 0 };
}

/** Whether a worker that should know a running stream is not heard: then its figures are old. */
export function isUnheard(table: Table, stream: Stream): boolean {
  return isRunning(stream) && table.heard !== undefined && !table.heard.includes(stream.worker);
}

/** Keeps the later of two states of a stream; answers with how many events are new. */
function put(rows: Map<string, Row>, stream: Stream, nowMs: number): number {
  const before = rows.get(stream.request_id);
  if (before === undefined) {
    rows.set(stream.request_id, { stream, progressAtMs: nowMs });
    return 0;
  }
  const known = before.stream;
  if (!isRunning(known) && isRunning(stream)) return 0;
  const grown = stream.events - known.events;
  if (grown < 0 && isRunning(stream)) return 0;
  rows.set(stream.request_id, { stream, progressAtMs: grown > 0 ? nowMs : before.progressAtMs });
  return Math.max(0, grown);
}

function bounded(rows: Map<string, Row>): Map<string, Row> {
  let over = 0;
  for (const { stream } of rows.values()) if (!isRunning(stream)) over += 1;
  if (over <= MAX_OVER) return rows;
  const oldest = [...rows.values()]
    .map((row) => row.stream)
    .filter((stream) => !isRunning(stream))
    .sort((a, b) => a.started - b.started);
  for (const stream of oldest.slice(0, over - MAX_OVER)) rows.delete(stream.request_id);
  return rows;
}
