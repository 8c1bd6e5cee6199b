import { describe, expect, it } from "vitest";

import { SseParser } from "@/lib/sse";

import { Reader, type Told } from "./reader";

const about = { size: "1024x1024", quality: "high", background: "opaque", output_format: "png" };
const usage = { input_tokens: 3, output_tokens: 40, total_tokens: 43 };

const IMAGES = stream(
  { type: "image_generation.partial_image", partial_image_index: 0, b64_json: "UDA=", ...about },
  { type: "image_generation.partial_image", partial_image_index: 1, b64_json: "UDE=", ...about },
  { type: "image_generation.completed", b64_json: "RklOQUw=", usage, ...about },
);
const item = { type: "image_generation_call", id: "ig_1", status: "completed", result: "RklOQUw=", revised_prompt: "ein Wehr – 堰" };
const RESPONSES = stream(
  { type: "response.created", response: { status: "in_progress" } },
  { type: "response.image_generation_call.partial_image", item_id: "ig_1", partial_image_index: 0, partial_image_b64: "UDA=", size: "1024x1024" },
  { type: "response.output_item.done", output_index: 0, item },
  { type: "response.output_text.delta", delta: "Here " },
  { type: "response.output_text.delta", delta: "it is." },
  { type: "response.completed", response: { object: "response", status: "completed", model: "m-1", usage, output: [item, { type: "message", content: [{ type: "output_text", text: "Here it is." }] }] } },
);

function stream(...events: ({ type: string } & Record<string, unknown>)[]): string {
  return events.map((one) => `: heartbeat\n\nevent: ${one.type}\ndata: ${JSON.stringify(one)}\n\n`).join("");
}

function told(pieces: Uint8Array[]): { told: Told[]; end: unknown } {
  const [parser, reader] = [new SseParser(), new Reader()];
  const items = [...pieces.flatMap((piece) => parser.feed(piece)), ...parser.end()];
  return { told: items.flatMap((one) => (one.kind === "event" ? reader.readText(one.data) : [])), end: reader.end() };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const kinds = (all: Told[]) => all.map((one) => one.kind);

describe.each([
  ["the Images API", IMAGES, ["preview", "preview", "picture", "facts"]],
  ["the Responses API", RESPONSES, ["preview", "picture", "facts", "facts", "facts"]],
])("a stream of %s", (_, text, expected) => {
  it("tells of previews, then of the picture, once", () => {
    const whole = told([bytes(text)]);
    expect(kinds(whole.told)).toEqual(expected);
    expect(whole.end).toBeUndefined();
  });

  it("says the same wherever it is split", () => {
    const body = bytes(text);
    const whole = told([body]);
    for (let at = 0; at <= body.length; at += 1) expect(told([body.slice(0, at), body.slice(at)])).toEqual(whole);
    expect(told([...body].map((one) => Uint8Array.of(one)))).toEqual(whole);
  });

  it("is no picture when it breaks off before its end", () => {
    const cut = told([bytes(text.slice(0, text.indexOf("RklOQUw=")))]);
    expect(kinds(cut.told)).not.toContain("picture");
  });
});

describe("the reader", () => {
  it("misses the end of a stream that only brought previews", () => {
    const reader = new Reader();
    reader.read({ type: "image_edit.partial_image", partial_image_index: 0, b64_json: "UDA=" });
    expect(reader.end()).toMatchObject({ code: "upstream_truncated" });
  });

  it("reads the JSON of the Images API, also as an address", () => {
    const reader = new Reader();
    const all = reader.read({ created: 1, data: [{ b64_json: "QQ==", revised_prompt: "r" }, { url: "https://x.example/a.png" }], ...about, usage });
    expect(all).toMatchObject([{ kind: "picture", base64: "QQ==", revisedPrompt: "r", actual: about }, { kind: "address" }, { kind: "facts", usage: { total: 43 } }]);
    expect(reader.end()).toBeUndefined();
  });

  it("reads the JSON of the Responses API, words and all", () => {
    const all = new Reader().read({ object: "response", status: "completed", error: null, output: [item, { type: "message", content: [{ text: "Here." }] }], usage });
    expect(all).toMatchObject([{ kind: "picture" }, { kind: "facts", words: "Here." }, { kind: "facts" }]);
  });

  it.each([
    [{ error: { message: "no", code: "upstream_truncated" } }, "upstream_truncated"],
    [{ type: "error", message: "no", code: "server_error" }, "server_error"],
    [{ type: "error", error: { message: "no", type: "t", code: "c" } }, "c"],
    [{ type: "response.failed", response: { object: "response", status: "failed", error: { code: "f", message: "no" } } }, "f"],
  ])("takes %j for what it is", (value, code) => {
    const reader = new Reader();
    expect(reader.read(value)).toContainEqual(expect.objectContaining({ kind: "problem", problem: expect.objectContaining({ message: "no", code }) as unknown }));
    expect(reader.end()).toBeUndefined();
  });

  it("says why a response is incomplete", () => {
    const all = new Reader().read({ type: "response.incomplete", response: { status: "incomplete", incomplete_details: { reason: "max_output_tokens" }, output: [] } });
    expect(all.at(-1)).toMatchObject({ kind: "problem", problem: { message: "max_output_tokens" } });
  });

  it("calls an event that is no JSON by its name", () => {
    expect(new Reader().readText('{"type": "image_gen')).toMatchObject([{ kind: "problem", problem: { code: "upstream_invalid" } }]);
    expect(new Reader().readText("[DONE]")).toEqual([]);
  });
});
