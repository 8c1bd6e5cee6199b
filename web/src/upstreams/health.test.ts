import { describe, expect, it } from "vitest";

import { healthOf, textOf, untilMs } from "./health";

describe("healthOf", () => {
  it.each([
    [false, "closed", "passing"],
    [false, "open", "open"],
    [false, "half_open", "halfOpen"],
    [true, "open", "drained"],
  ] as const)("drained %s, circuit %s: %s", (drained, circuit, health) => {
    expect(healthOf({ drained, circuit })).toBe(health);
  });
});

it("a moment that is over is none to wait for", () => {
  expect(untilMs(12, 10_000)).toBe(2000);
  expect(untilMs(9, 10_000)).toBeNull();
  expect(untilMs(null, 10_000)).toBeNull();
});

it("settings become text where they are simple", () => {
  const settings = { url: "http://a", list: ["b", "c"], deep: {}, most: 4 };
  expect(["url", "list", "deep", "most", "none"].map((name) => textOf(settings, name))).toEqual(["http://a", "b, c", "", "4", ""]);
});
