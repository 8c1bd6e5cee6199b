import { describe, expect, it } from "vitest";

import { SseParser } from "@/lib/sse";

import { callsOf, grown, newAnswer, textOf } from "../answer";
import type { Answer, Delta, Dialect } from "../types";
import { readerOf } from ".";

/** The answer that a stream makes, fed in pieces of these lengths. */
function answerOf(dialect: Dialect, pieces: (string | Uint8Array)[]): Answer {
  const parser = new SseParser();
  const reader = readerOf(dialect);
  const deltas: Delta[] = [];
  const take = (items: ReturnType<SseParser["feed"]>) => {
    for (const item of items) if (item.kind === "event") deltas.push(...reader.read(item));
  };
  for (const piece of pieces) take(parser.feed(piece));
  take(parser.end());
  deltas.push(...reader.end());
  return deltas.reduce((answer, delta, index) => grown(answer, delta, index), newAnswer());
}

function chat(...chunks: (object | string)[]): string {
  return chunks.map((one) => `data: ${typeof one === "string" ? one : JSON.stringify(one)}\n\n`).join("");
}

function typed(...events: { type: string; [name: string]: unknown }[]): string {
  return events.map((one) => `event: ${one.type}\ndata: ${JSON.stringify(one)}\n\n`).join("");
}

function delta(fields: object, finish: string | null = null): object {
  return { id: "c", object: "chat.completion.chunk", model: "m", choices: [{ index: 0, delta: fields, finish_reason: finish }] };
}

const CHAT = chat(
  delta({ role: "assistant", content: "", refusal: null }),
  delta({ reasoning_content: "I 水" }),
  delta({ reasoning_content: "門" }),
  delta({ content: "naïve\u2028" }),
  delta({ content: "Gate" }),
  delta({ tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "weather", arguments: "" } }] }),
  delta({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] }),
  delta({ tool_calls: [{ index: 0, function: { arguments: '"Ørsted"}' } }] }),
  delta({}, "tool_calls"),
  { model: "m", choices: [], usage: { prompt_tokens: 7, completion_tokens: 9, prompt_tokens_details: { cached_tokens: 2 }, completion_tokens_details: { reasoning_tokens: 3 } } },
  "[DONE]",
);

const RESPONSES = typed(
  { type: "response.created", sequence_number: 0, response: { model: "m", status: "in_progress", error: null, output: [] } },
  { type: "response.output_item.added", output_index: 0, item: { id: "rs", type: "reasoning", summary: [] } },
  { type: "response.reasoning_summary_part.added", item_id: "rs", summary_index: 0, part: { type: "summary_text", text: "" } },
  { type: "response.reasoning_summary_text.delta", item_id: "rs", summary_index: 0, delta: "I 水門" },
  { type: "response.output_item.done", output_index: 0, item: { id: "rs", type: "reasoning", summary: [{ type: "summary_text", text: "I 水門" }] } },
  { type: "response.output_item.added", output_index: 1, item: { id: "msg", type: "message", content: [] } },
  { type: "response.output_text.delta", item_id: "msg", output_index: 1, delta: "naïve\u2028" },
  { type: "response.output_text.delta", item_id: "msg", output_index: 1, delta: "Gate" },
  { type: "response.output_item.done", output_index: 1, item: { id: "msg", type: "message", content: [{ type: "output_text", text: "naïve\u2028Gate" }] } },
  { type: "response.output_item.added", output_index: 2, item: { id: "fc", type: "function_call", call_id: "call_1", name: "weather", arguments: "" } },
  { type: "response.function_call_arguments.delta", item_id: "fc", output_index: 2, delta: '{"city":' },
  { type: "response.function_call_arguments.delta", item_id: "fc", output_index: 2, delta: '"Ørsted"}' },
  { type: "response.function_call_arguments.done", item_id: "fc", output_index: 2, arguments: '{"city":"Ørsted"}' },
  { type: "response.completed", response: { model: "m", status: "completed", error: null, usage: { input_tokens: 7, input_tokens_details: { cached_tokens: 2 }, output_tokens: 9, output_tokens_details: { reasoning_tokens: 3 } } } },
);

const MESSAGES = typed(
  { type: "message_start", message: { model: "m", content: [], usage: { input_tokens: 5, cache_read_input_tokens: 2, cache_creation_input_tokens: 0, output_tokens: 1 } } },
  { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "I 水門" } },
  { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "sig" } },
  { type: "content_block_stop", index: 0 },
  { type: "ping" },
  { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "naïve\u2028Gate" } },
  { type: "content_block_stop", index: 1 },
  { type: "content_block_start", index: 2, content_block: { type: "tool_use", id: "call_1", name: "weather", input: {} } },
  { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: '{"city":' } },
  { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: '"Ørsted"}' } },
  { type: "content_block_stop", index: 2 },
  { type: "message_delta", delta: { stop_reason: "tool_use", stop_sequence: null }, usage: { output_tokens: 9, output_tokens_details: { thinking_tokens: 3 } } },
  { type: "message_stop" },
);

const STREAMS: [Dialect, string][] = [
  ["chat", CHAT],
  ["responses", RESPONSES],
  ["messages", MESSAGES],
];

describe.each(STREAMS)("a stream of %s", (dialect, body) => {
  const whole = answerOf(dialect, [body]);

  it("becomes thoughts, text, a call and usage", () => {
    expect(whole).toMatchObject({ status: "done", model: "m", error: null });
    expect(whole.usage).toEqual({ input: 7, output: 9, reasoning: 3, cached: 2 });
    expect(whole.parts.map((part) => part.type)).toEqual(["reasoning", "text", "call"]);
    expect(whole.parts[0]).toMatchObject({ text: "I 水門" });
    expect(textOf(whole)).toBe("naïve\u2028Gate");
    expect(callsOf(whole)).toMatchObject([{ id: "call_1", name: "weather", arguments: '{"city":"Ørsted"}' }]);
  });

  it("becomes the same wherever its bytes are split", () => {
    const bytes = new TextEncoder().encode(body);
    const expected = { ...whole, firstMs: 0, endMs: 0 };
    for (let at = 0; at <= bytes.length; at += 1) {
      const split = answerOf(dialect, [bytes.slice(0, at), bytes.slice(at)]);
      expect({ ...split, firstMs: 0, endMs: 0 }).toEqual(expected);
    }
  });

  it("is an error when it ends early, and keeps what came", () => {
    const cut = body.slice(0, body.indexOf("Gate"));
    const broken = answerOf(dialect, [cut.slice(0, cut.lastIndexOf("\n\n") + 2)]);
    expect(broken.status).toBe("error");
    expect(broken.error).toMatchObject({ code: "upstream_truncated" });
    expect(broken.parts[0]).toMatchObject({ type: "reasoning", text: "I 水門" });
  });

  it("tells of an event that is no JSON, with what it was", () => {
    const broken = answerOf(dialect, ["data: {oops\n\n"]);
    expect(broken.error).toMatchObject({ code: "invalid_event", raw: "{oops" });
  });
});

describe("errors within the stream", () => {
  it("end a chat", () => {
    const broken = answerOf("chat", [chat(delta({ content: "Gate" }), { error: { message: "gone", type: "upstream_error", param: null, code: "upstream_truncated" } })]);
    expect(broken).toMatchObject({ status: "error", error: { message: "gone", code: "upstream_truncated" } });
    expect(textOf(broken)).toBe("Gate");
  });

  it("end a response once, although two events tell of it", () => {
    const broken = answerOf("responses", [
      typed(
        { type: "response.output_text.delta", item_id: "msg", delta: "Gate" },
        { type: "error", code: "upstream_truncated", message: "gone", param: null },
        { type: "response.failed", response: { status: "failed", error: { code: "other", message: "failed" } } },
      ),
    ]);
    expect(broken).toMatchObject({ status: "error", error: { message: "gone", code: "upstream_truncated" } });
  });

  it("end a response that only fails", () => {
    const failed = answerOf("responses", [typed({ type: "response.failed", response: { status: "failed", error: { code: "server_error", message: "no luck" } } })]);
    expect(failed.error).toMatchObject({ message: "no luck", code: "server_error" });
  });

  it("end a message", () => {
    const broken = answerOf("messages", [typed({ type: "error", error: { type: "overloaded_error", message: "busy" } })]);
    expect(broken.error).toMatchObject({ message: "busy", type: "overloaded_error" });
  });
});

describe("liberties of providers", () => {
  it("calls without an index begin with a new id", () => {
    const call = (id: string | undefined, name: string | undefined, piece: string) =>
      delta({ tool_calls: [{ ...(id === undefined ? {} : { id }), function: { ...(name === undefined ? {} : { name }), arguments: piece } }] });
    const answer = answerOf("chat", [
      chat(call("a", "one", "{"), call(undefined, undefined, "}"), call("b", "two", "{}"), delta({}, "tool_calls"), "[DONE]"),
    ]);
    expect(callsOf(answer)).toMatchObject([{ id: "a", arguments: "{}" }, { id: "b", arguments: "{}" }]);
  });

  it("names and ids that come with every piece are taken once", () => {
    const piece = (text: string) => delta({ role: null, tool_calls: [{ index: 0, id: "a", type: "function", function: { name: "one", arguments: text } }] });
    const answer = answerOf("chat", [chat(piece("{"), piece("}"), delta({}, "tool_calls"), "[DONE]")]);
    expect(callsOf(answer)).toMatchObject([{ id: "a", name: "one", arguments: "{}" }]);
  });

  it("a chat that finished needs no [DONE], and an empty reason is none", () => {
    expect(answerOf("chat", [chat(delta({ content: "Gate" }, ""), delta({}, "stop"))])).toMatchObject({ status: "done", finish: "stop" });
    expect(answerOf("chat", [chat(delta({ content: "Gate" }, ""))])).toMatchObject({ status: "error" });
  });

  it("a response without deltas is taken from its items", () => {
    const answer = answerOf("responses", [
      typed(
        { type: "response.output_item.done", output_index: 0, item: { id: "msg", type: "message", content: [{ type: "output_text", text: "Gate" }] } },
        { type: "response.incomplete", response: { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } } },
      ),
    ]);
    expect(answer).toMatchObject({ status: "done", finish: "max_output_tokens" });
    expect(textOf(answer)).toBe("Gate");
  });

  it("a sealed thought is kept whole, whether anything of it was shown or not", () => {
    const done = (id: string, summary: string[], sealed?: string) => ({
      type: "response.output_item.done",
      item: { id, type: "reasoning", summary: summary.map((text) => ({ type: "summary_text", text })), ...(sealed ? { encrypted_content: sealed } : {}) },
    });
    const shown = { type: "response.reasoning_summary_text.delta", item_id: "a", delta: "hm" };
    const answer = answerOf("responses", [typed(shown, done("a", ["hm"], "AA"), done("b", [], "BB"), done("c", ["so"]))]);
    expect(answer.parts).toEqual([
      { type: "reasoning", text: "hm", item: done("a", ["hm"], "AA").item },
      { type: "reasoning", text: "", item: done("b", [], "BB").item },
      { type: "reasoning", text: "so" },
    ]);
  });

  it("each signature belongs to a thought of its own", () => {
    const sign = (signature: string) => ({ type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature } });
    const answer = answerOf("messages", [typed({ type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "hm" } }, sign("a"), sign("b"))]);
    expect(answer.parts).toEqual([
      { type: "reasoning", text: "hm", signature: "a" },
      { type: "reasoning", text: "", signature: "b" },
    ]);
  });

  it("a picture forms in its place", () => {
    const partial = { type: "response.image_generation_call.partial_image", item_id: "ig", output_format: "webp", partial_image_b64: "AA" };
    const done = { type: "response.output_item.done", item: { id: "ig", type: "image_generation_call", result: "BB" } };
    expect(answerOf("responses", [typed(partial)]).parts).toEqual([{ type: "image", key: "ig", url: "data:image/webp;base64,AA", final: false }]);
    expect(answerOf("responses", [typed(partial, done)]).parts).toEqual([{ type: "image", key: "ig", url: "data:image/png;base64,BB", final: true }]);
  });

  it("pings are beats, and nothing more", () => {
    expect(answerOf("messages", [typed({ type: "ping" })])).toMatchObject({ beats: 1, parts: [], firstMs: null });
  });
});

describe("answers in one piece of JSON", () => {
  const from = (dialect: Dialect, value: unknown) =>
    readerOf(dialect)
      .whole(value)
      .reduce((answer, one) => grown(answer, one, 5), newAnswer());
  const usage = { input: 7, output: 9, reasoning: null, cached: null };

  it("are the same answers", () => {
    const call = { id: "call_1", type: "function", function: { name: "weather", arguments: "{}" } };
    const answers = [
      from("chat", { model: "m", choices: [{ index: 0, message: { role: "assistant", content: "Gate", tool_calls: [call] }, finish_reason: "tool_calls" }], usage: { prompt_tokens: 7, completion_tokens: 9 } }),
      from("responses", { model: "m", status: "completed", error: null, output: [{ id: "a", type: "message", content: [{ type: "output_text", text: "Gate" }] }, { id: "b", type: "function_call", call_id: "call_1", name: "weather", arguments: "{}" }], usage: { input_tokens: 7, output_tokens: 9 } }),
      from("messages", { type: "message", model: "m", content: [{ type: "text", text: "Gate" }, { type: "tool_use", id: "call_1", name: "weather", input: {} }], stop_reason: "tool_use", usage: { input_tokens: 7, output_tokens: 9 } }),
    ];
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: "done", model: "m", usage, endMs: 5 });
      expect(textOf(answer)).toBe("Gate");
      expect(callsOf(answer)).toMatchObject([{ id: "call_1", name: "weather", arguments: "{}" }]);
    }
  });

  it("are errors where they say so", () => {
    for (const dialect of ["chat", "responses", "messages"] as const) {
      expect(from(dialect, { error: { message: "no", code: "c" } })).toMatchObject({ status: "error", error: { message: "no", code: "c" } });
    }
  });
});
