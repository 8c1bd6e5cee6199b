import { describe, expect, it } from "vitest";

import type { Try } from "@/lib/api";

import { COLUMN_PX, gapsOf, largestGap, msOf, nearest, pictureOf, type Scale, xOf } from "./geometry";
import type { Story } from "./timeline";

const SCALE: Scale = { span: { from: 0, to: 1000 }, width: 500 };

type EventSeed = [ms: number, kind?: string, size?: number];

function aStory(seeds: EventSeed[], over: Partial<Story> & { outcome?: string | null } = {}): Story {
  const events = seeds.map(([ms, kind = "content", size = 10], number) => ({
    number,
    ms,
    kind,
    size,
    gap_ms: number === 0 ? null : ms - (seeds[number - 1]?.[0] ?? 0),
    together: 1,
    count: 1,
    content: null,
  }));
  return {
    summary: { outcome: over.outcome === undefined ? "ok" : over.outcome } as Story["summary"],
    phases: { queued_ms: 0, committed_ms: null, duration_ms: null } as Story["phases"],
    attempts: [],
    marks: [],
    missed: 0,
    lost_marks: 0,
    ...over,
    events,
  };
}

const TRY: Try = {
  upstream: "a",
  key: 0,
  after_ms: 100,
  connect_ms: 50,
  head_ms: 150,
  first_event_ms: 300,
  status: 200,
  error_code: null,
  over_ms: 900,
};

it("a place on the picture is a moment, and back", () => {
  expect(xOf(SCALE, 500)).toBe(250);
  expect(msOf(SCALE, xOf(SCALE, 123))).toBeCloseTo(123);
});

describe("attempts", () => {
  const bars = (attempt: Try, nowMs = 1000, outcome: string | null = "ok") => {
    const story = aStory([], { attempts: [attempt], outcome });
    const [lane] = pictureOf(story, SCALE, nowMs).attempts;
    return { failedX: lane?.failedX, bars: lane?.bars.map((bar) => [bar.phase, bar.from, bar.to]) };
  };

  it("connect, wait for the head, wait for an event, stream", () => {
    expect(bars(TRY).bars).toEqual([
      ["connect", 100, 150],
      ["head", 150, 250],
      ["first", 250, 400],
      ["stream", 400, 1000],
    ]);
  });

  it("on a kept connection there is nothing to connect", () => {
    expect(bars({ ...TRY, connect_ms: null }).bars?.[0]).toEqual(["head", 100, 250]);
  });

  it("one that waits for its head goes on until now", () => {
    const waiting = { ...TRY, head_ms: null, first_event_ms: null, over_ms: null };
    expect(bars(waiting, 700, null).bars).toEqual([
      ["connect", 100, 150],
      ["head", 150, 700],
    ]);
  });

  it("one that failed ends where it failed, marked", () => {
    const failed = { ...TRY, first_event_ms: null, over_ms: 300, error_code: "upstream_500" };
    expect(bars(failed)).toEqual({
      failedX: 200,
      bars: [
        ["connect", 100, 150],
        ["head", 150, 250],
        ["first", 250, 400],
      ],
    });
  });
});

describe("ticks", () => {
  it("are one per column and group, however many events there are, and say how many they stand for", () => {
    const many: EventSeed[] = Array.from({ length: 20_000 }, (_, n) => [n / 20]);
    const { ticks } = pictureOf(aStory(many), SCALE, 1000);
    expect(ticks.length).toBeLessThanOrEqual(Math.ceil(500 / COLUMN_PX));
    expect(ticks.reduce((sum, tick) => sum + tick.count, 0)).toBe(20_000);
  });

  it("draw an error on top of what is at the same place", () => {
    const { ticks } = pictureOf(aStory([[500, "error"], [500.1, "content"], [500.2, "role"]]), SCALE, 1000);
    expect(ticks.map((tick) => tick.group)).toEqual(["other", "content", "error"]);
  });

  it("are only those that are seen", () => {
    const scale = { span: { from: 400, to: 600 }, width: 500 };
    const { ticks } = pictureOf(aStory([[100], [450], [550], [900]]), scale, 1000);
    expect(ticks.map((tick) => tick.event.ms)).toEqual([450, 550]);
  });
});

describe("gaps", () => {
  const steady = (upTo: number): EventSeed[] => Array.from({ length: upTo / 20 }, (_, n) => [n * 20]);

  it("stand out if they are long, and longer than is usual there", () => {
    const gaps = gapsOf(aStory([...steady(200), [800], [820]]), SCALE, 820);
    expect(gaps).toMatchObject([{ from: 180, to: 800, ms: 620, isLargest: true, isOpen: false, x: 90, width: 310 }]);
  });

  it("an even stream has none, be it slow", () => {
    expect(gapsOf(aStory([[0], [500], [1000]]), SCALE, 1000)).toEqual([]);
  });

  it("the silence that goes on is one", () => {
    expect(gapsOf(aStory(steady(200), { outcome: null }), SCALE, 900)).toMatchObject([{ from: 180, to: 900, isOpen: true }]);
    expect(gapsOf(aStory(steady(200)), SCALE, 900)).toEqual([]);
  });

  it("the largest of all is told, whether it stands out or not", () => {
    expect(largestGap(aStory([[0], [500], [1100]]))).toEqual({ from: 500, to: 1100 });
    expect(largestGap(aStory([[0]]))).toBeUndefined();
  });
});

describe("marks", () => {
  const mark = (ms: number, kind: string, lasted_ms: number | null = null) => ({ ms, kind, detail: "", lasted_ms });

  it("heartbeats at one place are one", () => {
    const marks = [mark(100, "heartbeat"), mark(101, "heartbeat"), mark(400, "heartbeat")];
    expect(pictureOf(aStory([], { marks }), SCALE, 1000).heartbeats.map((dot) => [dot.x, dot.count])).toEqual([
      [50, 2],
      [200, 1],
    ]);
  });

  it("a pause lasts as long as it did, or until now", () => {
    const marks = [mark(100, "pause", 50), mark(150, "resume", 50), mark(800, "pause")];
    const { pauses } = pictureOf(aStory([], { marks, outcome: null }), SCALE, 1000);
    expect(pauses.map(({ from, to, isOpen }) => [from, to, isOpen])).toEqual([
      [100, 150, false],
      [800, 1000, true],
    ]);
  });
});

it("the nearest event to a moment is found", () => {
  const { events } = aStory([[0], [100], [110], [900]]);
  expect([-5, 40, 60, 104, 106, 400, 9999].map((ms) => nearest(events, ms))).toEqual([0, 0, 1, 1, 2, 2, 3]);
  expect(nearest([], 5)).toBe(0);
});
