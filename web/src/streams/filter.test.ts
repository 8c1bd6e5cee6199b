import { describe, expect, it } from "vitest";

import type { Stream } from "@/lib/api";

import { chosen, counts, type Filter, readFilter, silenceMs, writeFilter } from "./filter";
import type { Row, Table } from "./table";

const NOW = { pageMs: 100_000, gatewayS: 1100 };
const USUAL = readFilter(new URLSearchParams());

function aRow(over: Partial<Stream> & { request_id: string }, progressAtMs = NOW.pageMs): Row {
  const stream = {
    started: 1000,
    path: "/v1/chat/completions",
    stream: true,
    client: "127.0.0.1",
    key: null,
    model: "gpt-5",
    upstream: "openai",
    outcome: "ok",
    first_event_ms: 200,
    largest_gap_ms: 50,
    ...over,
  } as Stream;
  return { stream, progressAtMs };
}

function table(...rows: Row[]): Table {
  return { rows: new Map(rows.map((row) => [row.stream.request_id, row])), heard: [0], missed: 0, events: 0 };
}

function ids(rows: Table, filter: Partial<Filter>): string[] {
  return chosen(rows, { ...USUAL, ...filter }, NOW).map((row) => row.stream.request_id);
}

const MIXED = table(
  aRow({ request_id: "ok", started: 1001 }),
  aRow({ request_id: "cut", started: 1003, outcome: "truncated", key: "Alice", largest_gap_ms: 900 }),
  aRow({ request_id: "left", started: 1002, outcome: "client_gone", first_event_ms: 9000 }),
  aRow({ request_id: "live", started: 1004, outcome: null, largest_gap_ms: 10 }, NOW.pageMs - 30_000),
  aRow({ request_id: "waits", started: 1099, outcome: null, first_event_ms: null, largest_gap_ms: null, stream: false }),
);

describe("chosen", () => {
  it("shows what runs, then the newest", () => {
    expect(ids(MIXED, {})).toEqual(["waits", "live", "cut", "left", "ok"]);
    const old = aRow({ request_id: "old", started: 900, outcome: null });
    expect(ids(table(...MIXED.rows.values(), old), {})).toEqual(["waits", "live", "old", "cut", "left", "ok"]);
  });

  it("finds the broken, among which a client's leaving is not", () => {
    expect(ids(MIXED, { view: "broken" })).toEqual(["cut"]);
  });

  it("finds the slow: late first events, and silence that still goes on", () => {
    expect(ids(MIXED, { view: "slow" })).toEqual(["live", "left"]);
  });

  it("puts the latest first event first, counting how long one is waited for", () => {
    expect(ids(MIXED, { order: "first_event" }).slice(0, 2)).toEqual(["left", "waits"]);
  });

  it("puts the longest silence first", () => expect(ids(MIXED, { order: "gap" }).slice(0, 2)).toEqual(["live", "cut"]));

  it("goes by outcomes", () => expect(ids(MIXED, { outcomes: ["ok", "client_gone"] })).toEqual(["left", "ok"]));

  it("finds words anywhere, in any case of letters, all of them", () => {
    expect(ids(MIXED, { text: "alice GPT" })).toEqual(["cut"]);
    expect(ids(MIXED, { text: "alice claude" })).toEqual([]);
  });

  it("leaves out what is no stream, if asked to", () => expect(ids(MIXED, { streams: true })).not.toContain("waits"));
});

it("counts each view", () => expect(counts(MIXED, NOW)).toEqual({ all: 5, running: 2, broken: 1, slow: 2 }));

it("knows no silence before the first event", () => {
  expect(silenceMs(aRow({ request_id: "a", outcome: null, first_event_ms: null }), NOW.pageMs)).toBeNull();
});

describe("the address", () => {
  it("holds what is not as usual, and gives the same back", () => {
    const filter: Filter = { view: "broken", order: "gap", outcomes: ["truncated", "timeout"], text: "gpt", streams: true };
    expect(writeFilter(USUAL).toString()).toBe("");
    expect(readFilter(writeFilter(filter))).toEqual(filter);
  });

  it("takes no harm from what somebody wrote there", () => {
    expect(readFilter(new URLSearchParams("view=x&order=constructor&outcomes=nope,ok"))).toEqual({ ...USUAL, outcomes: ["ok"] });
  });
});
