import { describe, expect, it } from "vitest";

import type { RequestRecord } from "@/lib/api";

import { courseOf, laidOut, tokensPerSecond } from "./course";

function record(more: Partial<RequestRecord>): RequestRecord {
  const none = { queued_ms: 0, connect_ms: null, head_ms: null, first_event_ms: null, last_event_ms: null, duration_ms: 0, usage: null };
  return { ...none, ...more } as RequestRecord;
}

const usage = { input_tokens: 1, output_tokens: 50, total_tokens: 51, cached_tokens: null, reasoning_tokens: null, image_tokens: null };

describe("the course of a request", () => {
  it("is made of parts without gaps, to its end", () => {
    const parts = courseOf(record({ queued_ms: 5, connect_ms: 8, head_ms: 20, first_event_ms: 30, last_event_ms: 90, duration_ms: 91 }));
    expect(parts.map(({ name, from, to }) => [name, from, to])).toEqual([
      ["queued", 0, 5],
      ["connect", 5, 8],
      ["head", 8, 20],
      ["firstEvent", 20, 30],
      ["events", 30, 90],
      ["end", 90, 91],
    ]);
  });

  it("leaves out what did not happen", () => {
    expect(courseOf(record({ duration_ms: 7 }))).toEqual([{ name: "end", from: 0, to: 7 }]);
    expect(courseOf(record({ head_ms: 4, first_event_ms: 4, duration_ms: 4 }))).toEqual([{ name: "head", from: 0, to: 4 }]);
  });
});

describe("tokens per second", () => {
  it("are those after the first event", () => {
    expect(tokensPerSecond(record({ usage, first_event_ms: 1000, last_event_ms: 2000 }))).toBe(50);
  });

  it("are not made up", () => {
    expect(tokensPerSecond(record({ usage, first_event_ms: 10, last_event_ms: 10 }))).toBeNull();
    expect(tokensPerSecond(record({ first_event_ms: 10, last_event_ms: 20 }))).toBeNull();
  });
});

it("lays out JSON, and nothing else", () => {
  expect(laidOut('{"a":1}')).toBe('{\n  "a": 1\n}');
  expect(laidOut("data: x\n\n")).toBe("data: x\n\n");
});
