import { describe, expect, it } from "vitest";

import { happenings, isOver, MAX_EVENTS, type Piece, told } from "./timeline";

function piece(over: Partial<Piece>): Piece {
  return {
    summary: { outcome: null } as Piece["summary"],
    phases: {} as Piece["phases"],
    attempts: [],
    marks: [],
    events: [],
    missed: 0,
    lost_marks: 0,
    more: false,
    next: "0.0",
    ...over,
  };
}

const event = (number: number, ms: number) => ({ number, ms, kind: "content", size: 10 });

describe("told", () => {
  it("puts the pieces together, and fills in what is left out", () => {
    const story = told(told(undefined, piece({ events: [event(0, 5)] })), piece({ events: [event(1, 9)] }));
    expect(story.events).toEqual([
      { number: 0, ms: 5, kind: "content", size: 10, gap_ms: null, together: 1, count: 1, content: null },
      { number: 1, ms: 9, kind: "content", size: 10, gap_ms: null, together: 1, count: 1, content: null },
    ]);
  });

  it("tells nothing twice if it begins anew after a break", () => {
    const all = piece({ events: [event(0, 5), event(1, 9)], marks: [{ ms: 1, kind: "head", detail: "200" }] });
    const again = told(told(undefined, all), all);
    expect(again.events).toHaveLength(2);
    expect(again.marks).toHaveLength(1);
  });

  it("goes on after an event that stands for several", () => {
    const first = told(undefined, piece({ events: [{ ...event(0, 5), kind: "unread", size: null, count: 3 }] }));
    expect(told(first, piece({ events: [event(2, 8), event(3, 9)] })).events.map((one) => one.number)).toEqual([0, 3]);
  });

  it("lets a pause know how long it lasted, once it is over", () => {
    const paused = told(undefined, piece({ marks: [{ ms: 10, kind: "pause" }] }));
    expect(paused.marks[0]?.lasted_ms).toBeNull();
    const over = told(paused, piece({ marks: [{ ms: 25, kind: "resume", lasted_ms: 15 }] }));
    expect(over.marks[0]?.lasted_ms).toBe(15);
  });

  it("is bounded, and counts what it forgets", () => {
    const many = Array.from({ length: MAX_EVENTS }, (_, n) => event(n, n));
    const story = told(told(undefined, piece({ events: many })), piece({ events: [event(MAX_EVENTS, 99_999)] }));
    expect(story.events).toHaveLength(MAX_EVENTS);
    expect(story.events[0]?.number).toBe(1);
    expect(story.missed).toBe(1);
  });

  it("is over when there is an outcome", () => {
    expect(isOver(told(undefined, piece({})))).toBe(false);
    expect(isOver(told(undefined, piece({ summary: { outcome: "ok" } as Piece["summary"] })))).toBe(true);
  });
});

describe("happenings", () => {
  it("has events and marks in one line of time, an error after the events of its moment", () => {
    const story = told(
      undefined,
      piece({
        events: [event(0, 5), event(1, 20)],
        marks: [
          { ms: 5, kind: "commit", detail: "event" },
          { ms: 12, kind: "heartbeat" },
          { ms: 20, kind: "error", detail: "upstream_truncated" },
        ],
      }),
    );
    expect(happenings(story).map((row) => row.mark?.kind ?? row.event?.number)).toEqual(["commit", 0, "heartbeat", 1, "error"]);
  });
});
