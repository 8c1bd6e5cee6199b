import { describe, expect, it } from "vitest";

import type { Progress, Stream, StreamChanges } from "@/lib/api";

import { changed, EMPTY, isBroken, isUnheard, listed, MAX_OVER, type Table } from "./table";

function aStream(over: Partial<Stream> = {}): Stream {
  return {
    request_id: "req_1",
    started: 1000,
    path: "/v1/chat/completions",
    stream: true,
    client: "127.0.0.1",
    key: "alice",
    dialect: "chat",
    model: "gpt-5",
    upstream: "openai",
    upstream_model: null,
    attempts: 1,
    outcome: null,
    error_code: null,
    finish_reason: null,
    status: 200,
    events: 3,
    heartbeats: 0,
    bytes_out: null,
    first_event_ms: 300,
    first_content_ms: 310,
    last_event_ms: 900,
    largest_gap_ms: 200,
    duration_ms: null,
    paused: false,
    worker: 0,
    ...over,
  };
}

function changes(over: Partial<StreamChanges>): StreamChanges {
  return { began: [], progressed: [], ended: [], missed: 0, restarted: [], heard: [0], next: "0-1-1.0", ...over };
}

function progress(over: Partial<Progress>): Progress {
  const { request_id, upstream, attempts, status, events, heartbeats, paused } = aStream();
  const { first_event_ms, first_content_ms, last_event_ms, largest_gap_ms } = aStream();
  const figures = { first_event_ms, first_content_ms, last_event_ms, largest_gap_ms };
  return { request_id, upstream, attempts, status, events, heartbeats, paused, ...figures, ...over };
}

const began = (over?: Partial<Stream>): Table => changed(EMPTY, changes({ began: [aStream(over)] }), 1);
const row = (table: Table, id = "req_1") => table.rows.get(id);

describe("changed", () => {
  it("goes from the beginning over progress to the end", () => {
    let table = began();
    table = changed(table, changes({ progressed: [progress({ events: 7, heartbeats: 2 })] }), 50);
    expect(row(table)).toMatchObject({ stream: { events: 7, heartbeats: 2, model: "gpt-5" }, progressAtMs: 50 });
    table = changed(table, changes({ ended: [aStream({ outcome: "truncated", events: 8 })] }), 60);
    expect(row(table)?.stream.outcome).toBe("truncated");
    expect(table.events).toBe(5);
  });

  it("takes a heartbeat for no progress", () => {
    const table = changed(began(), changes({ progressed: [progress({ heartbeats: 1 })] }), 99);
    expect(row(table)).toMatchObject({ stream: { heartbeats: 1 }, progressAtMs: 1 });
  });

  it("never brings back to life what is over", () => {
    const over = changed(began(), changes({ ended: [aStream({ outcome: "ok" })] }), 2);
    const late = changes({ began: [aStream()], progressed: [progress({ events: 99 })] });
    expect(row(changed(over, late, 3))?.stream).toMatchObject({ outcome: "ok", events: 3 });
  });

  it("ignores progress of a stream that it was never told of", () => {
    expect(changed(EMPTY, changes({ progressed: [progress({})] }), 1).rows.size).toBe(0);
  });

  it("forgets the streams of a worker that was restarted, and takes those that run there now", () => {
    const before = changed(began(), changes({ began: [aStream({ request_id: "req_2", worker: 1 })] }), 1);
    const after = changed(before, changes({ restarted: [1], began: [aStream({ request_id: "req_3", worker: 1 })] }), 2);
    expect([...after.rows.keys()]).toEqual(["req_1", "req_3"]);
  });

  it("remembers that something was not told, until the list is read again", () => {
    const table = changed(began(), changes({ missed: 4 }), 1);
    expect(table.missed).toBe(4);
    expect(listed(table, { live: [], recent: [], heard: [0] }, 3, 2).missed).toBe(0);
  });

  it("leaves the table that it was given as it was", () => {
    const before = began();
    changed(before, changes({ ended: [aStream({ outcome: "ok" })] }), 2);
    expect(row(before)?.stream.outcome).toBeNull();
  });

  it("keeps a bounded number that are over, the oldest going first, and all that run", () => {
    const many = Array.from({ length: MAX_OVER + 5 }, (_, n) =>
      aStream({ request_id: `req_${n + 10}`, started: n, outcome: "ok" }),
    );
    const table = changed(began({ started: -1 }), changes({ ended: many }), 1);
    expect(table.rows.size).toBe(MAX_OVER + 1);
    expect(table.rows.has("req_14")).toBe(false);
    expect(table.rows.has("req_15")).toBe(true);
    expect(table.rows.has("req_1")).toBe(true);
  });
});

describe("listed", () => {
  it("adds what is over, and does not set back what went on since it was asked for", () => {
    const table = changed(began(), changes({ ended: [aStream({ outcome: "ok", events: 9 })] }), 5);
    const list = { live: [aStream()], recent: [aStream({ request_id: "req_0", outcome: "timeout" })], heard: [0] };
    const after = listed(table, list, 6, 5);
    expect(row(after)?.stream).toMatchObject({ outcome: "ok", events: 9 });
    expect(row(after, "req_0")?.stream.outcome).toBe("timeout");
  });

  it("drops a running stream whose end was missed, but not one of a worker that is not heard", () => {
    const table = changed(began(), changes({ began: [aStream({ request_id: "req_2", worker: 1 })] }), 1);
    const after = listed(table, { live: [], recent: [], heard: [0] }, 3, 2);
    expect([...after.rows.keys()]).toEqual(["req_2"]);
    expect(isUnheard(after, aStream({ worker: 1 }))).toBe(true);
    expect(isUnheard(after, aStream({ worker: 0 }))).toBe(false);
  });
});

it("a list that was asked for before a stream began does not make it go away", () => {
  const table = changed(EMPTY, changes({ began: [aStream()] }), 10);
  expect(listed(table, { live: [], recent: [], heard: [0] }, 12, 9).rows.size).toBe(1);
});

describe("isBroken", () => {
  it.each([
    ["ok", false],
    ["client_gone", false],
    [null, false],
    ["truncated", true],
    ["cancelled", true],
  ] as const)("%s: %s", (outcome, broken) => expect(isBroken(aStream({ outcome }))).toBe(broken));
});
