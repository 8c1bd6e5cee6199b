/** Which streams are shown, and in what order; kept in the page's address, so that it can be sent to a colleague. Pure. */

import type { Stream } from "@/lib/api";

import { isBroken, isRunning, type Outcome, type Row, type Table } from "./table";

export const OUTCOMES = [
  "ok",
  "truncated",
  "timeout",
  "upstream_error",
  "unreachable",
  "invalid",
  "refused",
  "overloaded",
  "failed",
  "cancelled",
  "client_gone",
  "draining",
] as const satisfies readonly Outcome[];

export const VIEWS = ["all", "running", "broken", "slow"] as const;
export type View = (typeof VIEWS)[number];

export const ORDERS = ["newest", "first_event", "gap"] as const;
export type Order = (typeof ORDERS)[number];

export interface Filter {
  view: View;
  order: Order;
  outcomes: readonly Outcome[];
  /** Stands within the model, key, upstream, path or id, in any case of letters; several words: all of them. */
  text: string;
  /** Only where the client asked for a stream. */
  streams: boolean;
}

/** Silence that somebody waiting at a screen takes for a fault. */
export const SLOW_MS = 5_000;

export function readFilter(query: URLSearchParams): Filter {
  const outcomes = (query.get("outcomes") ?? "").split(",");
  return {
    view: oneOf(VIEWS, query.get("view")) ?? "all",
    order: oneOf(ORDERS, query.get("order")) ?? "newest",
    outcomes: OUTCOMES.filter((outcome) => outcomes.includes(outcome)),
    text: query.get("text") ?? "",
    streams: query.get("streams") === "true",
  };
}

/** What is as usual is left out. */
export function writeFilter(filter: Filter): URLSearchParams {
  const query = new URLSearchParams();
  if (filter.view !== "all") query.set("view", filter.view);
  if (filter.order !== "newest") query.set("order", filter.order);
  if (filter.outcomes.length > 0) query.set("outcomes", filter.outcomes.join(","));
  if (filter.text !== "") query.set("text", filter.text);
  if (filter.streams) query.set("streams", "true");
  return query;
}

/** How long it has been silent, or was at most: for one that runs, the silence that goes on counts. */
export function silenceMs(row: Row, nowMs: number): number | null {
  const { stream, progressAtMs } = row;
  if (!isRunning(stream)) return stream.largest_gap_ms;
  if (stream.first_event_ms === null) return null;
  return Math.max(stream.largest_gap_ms ?? 0, nowMs - progressAtMs);
}

/** How long the first event took, or has been waited for. `nowS`: the gateway's clock. */
export function firstEventMs(stream: Stream, nowS: number): number | null {
  if (stream.first_event_ms !== null) return stream.first_event_ms;
  return isRunning(stream) ? Math.max(0, (nowS - stream.started) * 1000) : null;
}

export interface Now {
  /** This page's clock, in milliseconds. */
  pageMs: number;
  /** The gateway's, in Unix seconds. */
  gatewayS: number;
}

export function isSlow(row: Row, now: Now): boolean {
  return (firstEventMs(row.stream, now.gatewayS) ?? 0) >= SLOW_MS || (silenceMs(row, now.pageMs) ?? 0) >= SLOW_MS;
}

/** How many each view would show, were nothing else asked for. */
export function counts(table: Table, now: Now): Record<View, number> {
  const found = { all: 0, running: 0, broken: 0, slow: 0 };
  for (const row of table.rows.values()) {
    found.all += 1;
    if (isRunning(row.stream)) found.running += 1;
    if (isBroken(row.stream)) found.broken += 1;
    if (isSlow(row, now)) found.slow += 1;
  }
  return found;
}

/** Those that are wanted, in the order that is wanted. */
export function chosen(table: Table, filter: Filter, now: Now): Row[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...table.rows.values()].filter(
    (row) =>
      inView(row, filter.view, now) &&
      (filter.outcomes.length === 0 || (row.stream.outcome !== null && filter.outcomes.includes(row.stream.outcome))) &&
      (!filter.streams || row.stream.stream) &&
      words.every((word) => textOf(row.stream).includes(word)),
  );
  const slowness: Record<Order, (row: Row) => number> = {
    // What runs comes first: one that has been silent for long began long ago, and would be far below.
    newest: ({ stream }) => Number(isRunning(stream)),
    first_event: ({ stream }) => firstEventMs(stream, now.gatewayS) ?? -1,
    gap: (row) => silenceMs(row, now.pageMs) ?? -1,
  };
  const of = slowness[filter.order];
  return rows.sort((a, b) => of(b) - of(a) || b.stream.started - a.stream.started);
}

function inView(row: Row, view: View, now: Now): boolean {
  switch (view) {
    case "all":
      return true;
    case "running":
      return isRunning(row.stream);
    case "broken":
      return isBroken(row.stream);
    case "slow":
      return isSlow(row, now);
  }
}

function textOf(stream: Stream): string {
  const { model, key, upstream, upstream_model, request_id, path, error_code, client } = stream;
  return [model, key, upstream, upstream_model, request_id, path, error_code, client].join("\n").toLowerCase();
}

function oneOf<T extends string>(all: readonly T[], text: string | null): T | undefined {
  return all.find((one) => one === text);
}
