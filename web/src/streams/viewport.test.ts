import { describe, expect, it } from "vitest";

import { ALL, panned, range, SHORTEST_MS, spanOf, ticksOf, zoomed } from "./viewport";

describe("spanOf", () => {
  it("is a little more than all of it", () => expect(spanOf(ALL, 1000)).toEqual({ from: 0, to: 1020 }));
  it("moves on with its end", () => expect(spanOf({ kind: "tail", span: 100 }, 1000)).toEqual({ from: 920, to: 1020 }));
  it("has a width even before anything happened", () => expect(spanOf(ALL, 0).to).toBe(SHORTEST_MS));
});

describe("zoomed", () => {
  it("keeps the moment under the pointer where it is", () => {
    const view = zoomed(ALL, 1000, 2, 255);
    const { from, to } = spanOf(view, 1000);
    expect((255 - from) / (to - from)).toBeCloseTo(0.25);
    expect(to - from).toBeCloseTo(510);
  });

  it("ends with all of it when it goes wide", () => expect(zoomed(range(100, 200, 1000), 1000, 0.01)).toEqual(ALL));

  it("does not go finer than there is something to see", () => {
    const { from, to } = spanOf(zoomed(range(100, 102, 1000), 1000, 100, 101), 1000);
    expect(to - from).toBe(SHORTEST_MS);
  });

  it("stays at the end while following", () => {
    expect(zoomed({ kind: "tail", span: 200 }, 1000, 2)).toEqual({ kind: "tail", span: 100 });
    expect(zoomed({ kind: "tail", span: 900 }, 1000, 0.5)).toEqual(ALL);
  });
});

describe("panned", () => {
  it("moves by a share of what is seen, and no further than there is something", () => {
    const view = range(100, 200, 1000);
    expect(spanOf(panned(view, 1000, 0.5), 1000)).toEqual({ from: 150, to: 250 });
    expect(spanOf(panned(view, 1000, -9), 1000)).toEqual({ from: 0, to: 100 });
    expect(spanOf(panned(view, 1000, 99), 1000).to).toBeCloseTo(1020);
  });

  it("has nowhere to go if all is seen", () => expect(panned(ALL, 1000, 1)).toBe(ALL));
});

it("a range may be drawn from either side", () => expect(range(300, 200, 1000)).toEqual({ kind: "range", from: 200, to: 300 }));

describe("ticksOf", () => {
  it("are round, and no more than there is room for", () => {
    expect(ticksOf({ from: 0, to: 1020 }, 6)).toEqual([0, 200, 400, 600, 800, 1000]);
    expect(ticksOf({ from: 130, to: 170 }, 4)).toEqual([130, 140, 150, 160, 170]);
  });

  it("are there for an hour, too, and for days", () => {
    expect(ticksOf({ from: 0, to: 3_600_000 }, 6)).toHaveLength(7);
    expect(ticksOf({ from: 0, to: 86_400_000 * 3 }, 6).length).toBeLessThanOrEqual(7);
  });
});
