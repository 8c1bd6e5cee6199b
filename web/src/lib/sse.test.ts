import { describe, expect, test } from "vitest";

import { type SseItem, SseParser } from "./sse";

const bytes = (text: string) => new TextEncoder().encode(text);

function parsed(pieces: readonly (Uint8Array | string)[]): SseItem[] {
  const parser = new SseParser();
  return [...pieces.flatMap((piece) => parser.feed(piece)), ...parser.end()];
}

const event = (data: string, name = "message", id = ""): SseItem => ({ kind: "event", event: name, data, id });
const comment = (text: string): SseItem => ({ kind: "comment", text });

/** What is in a stream, and what is to be read in it. */
const STREAMS: Record<string, [string, SseItem[]]> = {
  "one event": ["data: a\n\n", [event("a")]],
  "a name": ["event: ping\ndata: {}\n\n", [event("{}", "ping")]],
  "several lines of data": ["data: a\ndata\ndata: b\n\n", [event("a\n\nb")]],
  "CRLF": ["event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n", [event("a", "x"), event("b")]],
  "lone CR": ["data: a\r\rdata: b\r\r", [event("a"), event("b")]],
  "all ends of lines mixed": ["data: a\r\ndata: b\rdata: c\n\r\ndata: d\n\r", [event("a\nb\nc"), event("d")]],
  "a mark at the start": ["\uFEFFdata: a\n\n", [event("a")]],
  "a mark elsewhere is text": ["data: \uFEFFa\n\n", [event("\uFEFFa")]],
  "characters of two, three and four bytes": ["data: é 水 🌊\n\n", [event("é 水 🌊")]],
  "comments between and within events": [
    ": heartbeat\n\ndata: a\n:b\n\n:\n\n",
    [comment("heartbeat"), comment("b"), event("a"), comment("")],
  ],
  "one space only is taken off": ["data:  a\ndata:b\n\n", [event(" a\nb")]],
  "an id stays": ["id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", [event("a", "message", "1"), event("b", "message", "1"), event("c")]],
  "an id with a zero is none": ["id: 1\0\ndata: a\n\n", [event("a")]],
  "no data, no event": ["event: x\n\ndata: a\n\n", [event("a")]],
  "empty data is data": ["data\n\ndata:\n\n", [event(""), event("")]],
  "unknown fields": ["retry: 10\nfoo: bar\ndata: a\n\n", [event("a")]],
  "only its blank line is missing at the end": ["data: a\n\ndata: b\n", [event("a"), event("b")]],
  "its line has no end either": ["data: a\n\ndata: b", [event("a"), event("b")]],
  "nothing": ["", []],
  "blank lines": ["\n\r\n\r\n\n", []],
};

describe.each(Object.entries(STREAMS))("%s", (_, [text, expected]) => {
  const whole = bytes(text);

  test("whole, as text and as bytes", () => {
    expect(parsed([text])).toEqual(expected);
    expect(parsed([whole])).toEqual(expected);
  });

  test("cut in two anywhere", () => {
    for (let at = 0; at <= whole.length; at++) {
      expect(parsed([whole.subarray(0, at), whole.subarray(at)]), `at byte ${at}`).toEqual(expected);
    }
    for (let at = 0; at <= text.length; at++) {
      expect(parsed([text.slice(0, at), text.slice(at)]), `at unit ${at}`).toEqual(expected);
    }
  });

  test("cut in three anywhere", () => {
    for (let a = 0; a <= whole.length; a++) {
      for (let b = a; b <= whole.length; b++) {
        const pieces = [whole.subarray(0, a), whole.subarray(a, b), whole.subarray(b)];
        expect(parsed(pieces), `at ${a} and ${b}`).toEqual(expected);
      }
    }
  });

  test("byte by byte", () => {
    expect(parsed([...whole].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
  });
});

test("an event comes as soon as it is whole, also where a line feed may follow", () => {
  const parser = new SseParser();
  expect(parser.feed("data: a\r\n\r")).toEqual([event("a")]);
  expect(parser.feed("\ndata: b\n")).toEqual([]);
  expect(parser.feed("\n")).toEqual([event("b")]);
});

test("a character that never ends becomes a sign that it is broken", () => {
  expect(parsed([Uint8Array.of(...bytes("data: a"), 0xe6, 0xb0)])).toEqual([event("a\uFFFD")]);
});

test("long data in many pieces is put together once", () => {
  const piece = "x".repeat(64 * 1024);
  const items = parsed(["data: ", ...Array<string>(400).fill(piece), "\n\n"]);
  expect(items).toHaveLength(1);
  expect(items[0]?.kind === "event" && items[0].data.length).toBe(400 * piece.length);
});
