import { expect, it } from "vitest";

import { flagsOf, type Milestone, milestonesOf } from "./milestones";
import type { Story } from "./timeline";

const SCALE = { span: { from: 0, to: 1000 }, width: 1000 };
const flags = (...milestones: [ms: number, text: string][]) =>
  flagsOf(
    milestones.map(([ms, detail]): Milestone => ({ name: "head", ms, detail })),
    SCALE,
    (one) => one.detail,
  );

it("are the marks that have a name, and the first event and content", () => {
  const marks = [
    { ms: 5, kind: "head", detail: "200", lasted_ms: null },
    { ms: 9, kind: "commit", detail: "event", lasted_ms: null },
    { ms: 30, kind: "heartbeat", detail: "", lasted_ms: null },
    { ms: 90, kind: "error", detail: "cancelled", lasted_ms: null },
  ];
  const phases = { first_event_ms: 9, first_content_ms: 12 } as Story["phases"];
  expect(milestonesOf({ marks, phases } as unknown as Story).map((one) => `${one.name} ${one.ms}`)).toEqual([
    "head 5",
    "commit 9",
    "first 9",
    "content 12",
    "error 90",
  ]);
});

it("have a level each where they would cover one another, and share one where they do not", () => {
  expect(flags([10, "first"], [20, "second"], [500, "third"]).map((flag) => flag.level)).toEqual([0, 1, 0]);
});

it("are one where they happen at one place, but trouble has its own", () => {
  expect(flags([10, "head"], [12, "commit"], [14, "first"]).map((flag) => flag.text)).toEqual(["head · commit · first"]);
  const milestones: Milestone[] = [
    { name: "head", ms: 10, detail: "head" },
    { name: "failed", ms: 11, detail: "failed" },
  ];
  expect(flagsOf(milestones, SCALE, (one) => one.detail).map((flag) => flag.text)).toEqual(["head", "failed"]);
});

it("turn to the left at the right end", () => {
  expect(flags([100, "here"], [990, "a long text"]).map((flag) => flag.isLeft)).toEqual([false, true]);
});

it("that are not seen are not there", () => expect(flags([2000, "later"])).toEqual([]));
