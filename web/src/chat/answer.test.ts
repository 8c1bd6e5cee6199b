import { describe, expect, it } from "vitest";

import { ended, grown, newAnswer, speed } from "./answer";
import type { Answer, Delta, Usage } from "./types";

/** The answer that these make, each at its time in milliseconds. */
function answerOf(...deltas: [ms: number, delta: Delta][]): Answer {
  return deltas.reduce((answer, [ms, delta]) => grown(answer, delta, ms), newAnswer());
}

const text: Delta = { kind: "text", text: "a" };
const usage = (used: Partial<Usage>): Delta => ({ kind: "usage", usage: used });

describe("how fast an answer comes", () => {
  it("is nothing before its second event", () => {
    expect(speed(newAnswer(), 5_000)).toBeNull();
    expect(speed(answerOf([1_000, text]), 5_000)).toBeNull();
    expect(speed(answerOf([1_000, text], [1_001, text]), 1_001)).toBeNull();
  });

  it("counts events, until now, as long as nobody counts tokens", () => {
    const coming = answerOf([1_000, text], [1_500, text], [2_000, text]);
    expect(speed(coming, 2_000)).toEqual({ perS: 2, of: "events" });
    expect(speed(coming, 3_000)).toEqual({ perS: 1, of: "events" });
    // The page's clock ticks now and then: it may be behind what has come.
    expect(speed(coming, 1_800)).toEqual({ perS: 2, of: "events" });
    expect(speed(ended(coming, "stopped", 2_000), 90_000)).toEqual({ perS: 2, of: "events" });
  });

  it("is the provider's count once it has come, also in the middle", () => {
    const coming = answerOf([1_000, text], [3_000, text], [3_000, usage({ output: 41 })]);
    expect(speed(coming, 9_000)).toEqual({ perS: 20, of: "tokens" });
    expect(speed(ended(coming, "done", 9_000), 9_000)).toEqual({ perS: 20, of: "tokens" });
  });

  it("does not take a count from before the first token for one", () => {
    const coming = answerOf([500, usage({ output: 1, input: 9 })], [1_000, text], [2_000, text], [3_000, text]);
    expect(speed(coming, 3_000)).toEqual({ perS: 1, of: "events" });
    expect(speed(grown(coming, usage({ input: 9 }), 3_000), 3_000)?.of).toBe("events");
  });

  it("leaves out thoughts that were had before anything was shown, unless they were shown", () => {
    const count = usage({ output: 121, reasoning: 100 });
    expect(speed(answerOf([1_000, text], [2_000, count]), 2_000)).toEqual({ perS: 20, of: "tokens" });
    expect(speed(answerOf([1_000, { kind: "reasoning", text: "hm" }], [2_000, count]), 2_000)).toEqual({ perS: 120, of: "tokens" });
  });
});

describe("the first token", () => {
  it("is something that was shown: no heartbeat, and no seal", () => {
    const sealed = answerOf([1, { kind: "beat" }], [2, { kind: "sealed", item: {} }], [3, { kind: "signature", text: "s" }]);
    expect(sealed).toMatchObject({ firstMs: null, lastMs: null, pieces: 0 });
    expect(grown(sealed, text, 4)).toMatchObject({ firstMs: 4, lastMs: 4, pieces: 1 });
  });
});
