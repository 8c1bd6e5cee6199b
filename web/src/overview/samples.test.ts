import { describe, expect, it } from "vitest";

import type { Stream } from "@/lib/api";
import type { Table } from "@/streams/table";

import { firstEvents, MOST, type Sample, sampled } from "./samples";

function table(events: number, ...streams: Partial<Stream>[]): Table {
  const rows = streams.map((stream, n) => [String(n), { stream: stream as Stream, progressAtMs: 0 }] as const);
  return { rows: new Map(rows), heard: [0], missed: 0, events };
}

describe("sampled", () => {
  it("tells what runs, and how many events came per second", () => {
    const first = sampled([], table(10, { outcome: null }, { outcome: "ok" }), 100);
    expect(first).toEqual([{ atS: 100, running: 1, eventsPerS: 0, events: 10 }]);
    expect(sampled(first, table(30), 102).at(-1)).toMatchObject({ running: 0, eventsPerS: 10 });
  });

  it("takes a table that was made anew for no negative rate", () => {
    expect(sampled(sampled([], table(50), 1), table(0), 2).at(-1)?.eventsPerS).toBe(0);
  });

  it("is bounded", () => {
    let samples: readonly Sample[] = [];
    for (let at = 0; at < MOST + 10; at += 1) samples = sampled(samples, table(at), at);
    expect(samples).toHaveLength(MOST);
    expect(samples[0]?.atS).toBe(10);
  });
});

it("first events are in order, those of broken streams apart", () => {
  const dots = firstEvents(
    table(
      0,
      { started: 30, first_event_ms: 300, outcome: "truncated" },
      { started: 20, first_event_ms: 200, outcome: "ok" },
      { started: 25, first_event_ms: null, outcome: "unreachable" },
      { started: 5, first_event_ms: 50, outcome: "ok" },
    ),
    10,
  );
  expect(dots).toEqual({ xs: [20, 30], fine: [200, null], broken: [null, 300] });
});
