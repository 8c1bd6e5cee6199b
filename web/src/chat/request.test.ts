import { describe, expect, it } from "vitest";

import { newAnswer } from "./answer";
import { asCurl, asPython, literal } from "./copyAs";
import { carriesThoughts, requestOf } from "./request";
import { type Dialect, NO_SETTINGS, type Part, type Settings, type Turn } from "./types";

const call = (id: string): Part => ({ type: "call", key: id, id, name: "weather", arguments: '{"city":"Ørsted"}' });
const thought: Part = { type: "reasoning", text: "hm", signature: "sig" };

function answer(parts: Part[], dialect: Dialect = "messages"): Turn {
  return { id: "a", parent: "q", at: 0, role: "assistant", dialect, asked: "m", answer: { ...newAnswer(), status: "done", parts } };
}

const question: Turn = { id: "q", parent: null, at: 0, role: "user", text: "Hi", pictures: [{ name: "p", url: "data:image/png;base64,AAAA" }] };
const results: Turn = { id: "t", parent: "a", at: 0, role: "tool", results: [{ call: "call_1", name: "weather", text: "rain" }] };
const settings: Settings = {
  ...NO_SETTINGS,
  system: "Be brief.",
  temperature: 0.5,
  effort: "low",
  tools: [{ name: "weather", description: "of a city", schema: '{"type":"object"}' }],
};
const turns = [question, answer([thought, { type: "text", text: "Let me see." }, call("call_1"), call("call_2")]), results];

describe("a conversation with a tool's result", () => {
  it("as chat", () => {
    const { path, body } = requestOf("chat", "m", settings, turns);
    expect(path).toBe("/chat/completions");
    expect(body.messages).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: [{ type: "text", text: "Hi" }, { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } }] },
      { role: "assistant", content: "Let me see.", tool_calls: [{ id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Ørsted"}' } }] },
      { role: "tool", tool_call_id: "call_1", content: "rain" },
    ]);
    expect(body).toMatchObject({ stream: true, reasoning_effort: "low", temperature: 0.5, tools: [{ type: "function", function: { name: "weather" } }] });
  });

  it("as responses", () => {
    const { body } = requestOf("responses", "m", { ...settings, drawing: true }, turns);
    expect(body.input).toEqual([
      { role: "user", content: [{ type: "input_text", text: "Hi" }, { type: "input_image", detail: "auto", image_url: "data:image/png;base64,AAAA" }] },
      { role: "assistant", content: "Let me see." },
      { type: "function_call", call_id: "call_1", name: "weather", arguments: '{"city":"Ørsted"}' },
      { type: "function_call_output", call_id: "call_1", output: "rain" },
    ]);
    expect(body).toMatchObject({ instructions: "Be brief.", store: false, include: ["reasoning.encrypted_content"] });
    expect(body.reasoning).toEqual({ effort: "low", summary: "auto" });
    expect(body.tools).toMatchObject([{ type: "function", name: "weather" }, { type: "image_generation" }]);
  });

  it("as messages, with the signed thought and room beyond it", () => {
    const { headers, body } = requestOf("messages", "m", settings, turns);
    expect(headers).toEqual({ "anthropic-version": "2023-06-01" });
    expect(body.messages).toEqual([
      { role: "user", content: [{ type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } }, { type: "text", text: "Hi" }] },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "hm", signature: "sig" },
          { type: "text", text: "Let me see." },
          { type: "tool_use", id: "call_1", name: "weather", input: { city: "Ørsted" } },
        ],
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "call_1", content: "rain" }] },
    ]);
    expect(body).toMatchObject({ system: "Be brief.", thinking: { type: "enabled", budget_tokens: 1024 }, max_tokens: 4096 });
    expect(body).not.toHaveProperty("temperature");
    expect(requestOf("messages", "m", { ...settings, effort: "high" }, turns).body.max_tokens).toBe(17_408);
  });
});

describe("thoughts that only their provider can open", () => {
  const item = { id: "rs_1", type: "reasoning", summary: [{ type: "summary_text", text: "hm" }], encrypted_content: "gAAA" };
  const sealed: Part = { type: "reasoning", text: "hm", item };
  const said: Part = { type: "text", text: "Rain." };
  const input = (parts: Part[], what: Partial<Settings> = {}, model = "m") =>
    requestOf("responses", model, { ...settings, ...what }, [question, answer(parts, "responses"), results]).body.input as { type?: string }[];
  const kinds = (parts: Part[]) => input(parts).map((one) => one.type ?? "message").slice(1, -1);

  it("go back as they came, each before what it led to", () => {
    expect(kinds([sealed, said, sealed, call("call_1")])).toEqual(["reasoning", "message", "reasoning", "function_call"]);
    expect(input([sealed, said])[1]).toBe(item);
  });

  it("stay here if what they led to does, or nothing is sealed", () => {
    expect(kinds([said, sealed])).toEqual(["message"]);
    expect(kinds([sealed, call("call_2"), said])).toEqual(["message"]);
    expect(kinds([{ type: "reasoning", text: "hm" }, said])).toEqual(["message"]);
  });

  it("go to no other model and no other API", () => {
    expect(JSON.stringify(input([sealed, said], {}, "other"))).not.toContain("gAAA");
    for (const dialect of ["chat", "messages"] as const) {
      expect(JSON.stringify(requestOf(dialect, "m", settings, [question, answer([sealed, said], "responses")]).body)).not.toContain("gAAA");
    }
    expect(JSON.stringify(requestOf("messages", "other", settings, turns).body)).not.toContain("sig");
  });

  it("are neither asked for nor sent where nothing is to be said about thinking", () => {
    const { body } = requestOf("responses", "m", NO_SETTINGS, [question, answer([sealed, said], "responses"), results]);
    expect(body).not.toHaveProperty("include");
    expect(carriesThoughts({ path: "", headers: {}, body })).toBe(false);
    expect(carriesThoughts({ path: "", headers: {}, body: { input: input([sealed, said]) } })).toBe(true);
  });

  it("go back to Anthropic in their order, those of which nothing is shown, too", () => {
    const parts: Part[] = [thought, { type: "reasoning", text: "", signature: "sig2" }, { type: "reasoning", text: "", redacted: "xx" }, call("call_1")];
    const { messages } = requestOf("messages", "m", NO_SETTINGS, [question, answer(parts), results]).body as { messages: { content: unknown }[] };
    expect(messages[1]?.content).toEqual([
      { type: "thinking", thinking: "hm", signature: "sig" },
      { type: "thinking", thinking: "", signature: "sig2" },
      { type: "redacted_thinking", data: "xx" },
      { type: "tool_use", id: "call_1", name: "weather", input: { city: "Ørsted" } },
    ]);
  });
});

describe("what can't be sent", () => {
  it("calls without a result, and answers that never came, are left out", () => {
    for (const dialect of ["chat", "responses", "messages"] as const) {
      const body = JSON.stringify(requestOf(dialect, "m", NO_SETTINGS, [question, answer([call("call_1")]), { ...question, id: "q2" }]).body);
      expect(body).not.toContain("call_1");
      expect(body).not.toContain("assistant");
    }
  });
});

describe("copied", () => {
  const request = requestOf("messages", "it's $HOME", NO_SETTINGS, [question]);

  it("as curl, the body stands where no shell reads it", () => {
    const text = asCurl(request, "http://localhost:8787/v1");
    expect(text).toContain("curl -N http://localhost:8787/v1/messages");
    expect(text).toContain('-H "authorization: Bearer $SLUICEWAY_API_KEY"');
    expect(JSON.parse(text.slice(text.indexOf("<<'JSON'\n") + 9, text.lastIndexOf("JSON")))).toEqual(request.body);
  });

  it("as Python, with each provider's SDK", () => {
    expect(asPython("messages", request, "http://localhost:8787/v1")).toContain('Anthropic(base_url="http://localhost:8787", ');
    expect(asPython("chat", request, "http://localhost:8787/v1")).toContain('OpenAI(base_url="http://localhost:8787/v1", ');
  });

  it("values are Python's", () => {
    expect(literal({ a: [true, false, null], b: {}, "c\"": "ü\n" }, 0)).toBe(
      '{\n    "a": [\n        True,\n        False,\n        None,\n    ],\n    "b": {},\n    "c\\"": "ü\\n",\n}',
    );
  });
});
