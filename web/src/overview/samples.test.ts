import { describe, expect, it } from "vitest";

import type { Stream } from "@/lib/api";
import type { Table } from "@/streams/table";

import { dotsOf, MOST, type Sample, sampled } from "./samples";

function table(events: number, ...streams: Partial<Stream>[]): Table {
  const rows = streams.map((stream, n) => [String(n), { stream: stream as Stream, progressAtMs: 0 }] as const);
  return { rows: new Map(rows), heard: [0], missed: 0, events };
}

describe("sampled", () => {
  it("tells what runs and waits, and how many events came per second", () => {
    const first = sampled([], { table: table(10, { outcome: null }, { outcome: "ok" }), waiting: 1 }, 100);
    expect(first).toEqual([{ atS: 100, running: 1, waiting: 1, eventsPerS: null, events: 10 }]);
    expect(sampled(first, { table: table(30), waiting: 0 }, 102).at(-1)).toMatchObject({ running: 0, waiting: 0, eventsPerS: 10 });
  });

  it("takes a table that was made anew for no negative rate", () => {
    const before = sampled([], { table: table(50), waiting: 0 }, 1);
    expect(sampled(before, { table: table(0), waiting: 0 }, 2).at(-1)?.eventsPerS).toBe(0);
  });

  it("leaves a hole where nobody looked", () => {
    const before = sampled([], { table: table(1, { outcome: null }), waiting: 0 }, 100);
    const after = sampled(before, { table: table(900, { outcome: null }), waiting: 0 }, 160);
    expect(after.map((one) => [one.atS, one.running, one.eventsPerS])).toEqual([
      [100, 1, null],
      [101, null, null],
      [160, 1, null],
    ]);
  });

  it("is bounded", () => {
    let samples: readonly Sample[] = [];
    for (let at = 0; at < MOST + 10; at += 1) samples = sampled(samples, { table: table(at), waiting: 0 }, at);
    expect(samples).toHaveLength(MOST);
    expect(samples[0]?.atS).toBe(10);
  });
});

it("dots are in order, those of broken streams apart", () => {
  const all = table(
    0,
    { started: 30, first_event_ms: 300, largest_gap_ms: null, outcome: "truncated" },
    { started: 20, first_event_ms: 200, largest_gap_ms: 0.2, outcome: "ok" },
    { started: 25, first_event_ms: null, largest_gap_ms: null, outcome: "unreachable" },
    { started: 5, first_event_ms: 50, largest_gap_ms: 5, outcome: "ok" },
  );
  expect(dotsOf(all, "first_event_ms", 10)).toEqual({ xs: [20, 30], fine: [200, null], broken: [null, 300] });
  expect(dotsOf(all, "largest_gap_ms", 10)).toEqual({ xs: [20], fine: [1], broken: [null] });
});
