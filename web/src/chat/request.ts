/** What is sent for a conversation, in each dialect. Pure. */

import { callsOf, isClosed, textOf } from "./answer";
import type { Call, Dialect, Effort, Part, Picture, ResultsTurn, Settings, Tool, Turn } from "./types";

export interface Request {
  /** Under `/v1`. */
  path: string;
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

/** Anthropic wants a limit; most of its models go further, none less far. */
const DEFAULT_MAX_TOKENS = 4096;

const BUDGETS: Partial<Record<Effort, number>> = { low: 1024, medium: 4096, high: 16_384 };

/** The request for an answer to the last of these turns. */
export function requestOf(dialect: Dialect, model: string, settings: Settings, turns: readonly Turn[]): Request {
  const said = answerable(turns, dialect, model);
  switch (dialect) {
    case "chat":
      return { path: "/chat/completions", headers: {}, body: chatBody(model, settings, said) };
    case "responses":
      return { path: "/responses", headers: {}, body: responsesBody(model, settings, said) };
    case "messages":
      return { path: "/messages", headers: { "anthropic-version": "2023-06-01" }, body: messagesBody(model, settings, said) };
  }
}

/** The arguments of a call, or `undefined` if they are no JSON (yet). */
export function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Whether thoughts go back that only their provider can read: what it may refuse, once it has changed. */
export function carriesThoughts({ body }: Request): boolean {
  const ofKind = (kind: string) => (one: unknown) => (one as { type?: string }).type === kind;
  return Array.isArray(body.input) && body.input.some(ofKind("reasoning"));
}

/** A turn, and of an answer what goes back, in its order. */
type Said = { turn: Turn; parts: Part[]; calls: Call[] };

/** Without answers that never came, and without calls that have no result: every provider refuses those. */
function answerable(turns: readonly Turn[], dialect: Dialect, model: string): Said[] {
  return turns.flatMap((turn, index): Said[] => {
    if (turn.role !== "assistant") return [{ turn, parts: [], calls: [] }];
    const next = turns[index + 1];
    const known = next?.role === "tool" ? new Set(next.results.map((result) => result.call)) : new Set<string>();
    const calls = callsOf(turn.answer).filter((call) => known.has(call.id));
    if (calls.length === 0 && textOf(turn.answer).trim() === "") return [];
    // Another model, or another API, can't open them.
    const own = turn.dialect === dialect && turn.asked === model;
    return [{ turn, parts: sentParts(turn.answer.parts, new Set(calls), own), calls }];
  });
}

/** A thought goes with what it led to: alone at the end, or without the call that came of it, it is refused. */
function sentParts(parts: readonly Part[], calls: ReadonlySet<Call>, withThoughts: boolean): Part[] {
  const sent: Part[] = [];
  let ledTo = false;
  for (const part of parts.toReversed()) {
    if (part.type === "reasoning") {
      if (withThoughts && ledTo && isClosed(part)) sent.unshift(part);
      continue;
    }
    ledTo = part.type === "text" ? part.text.trim() !== "" : part.type === "call" && calls.has(part);
    if (ledTo) sent.unshift(part);
  }
  return sent;
}

// ── chat ───────────────────────────────────────────────────────────────────────────────────────────────────

function chatBody(model: string, settings: Settings, said: Said[]): Record<string, unknown> {
  return {
    model,
    messages: [
      ...(settings.system.trim() ? [{ role: "system", content: settings.system }] : []),
      ...said.flatMap(({ turn, calls }): object[] => {
        if (turn.role === "tool") {
          return turn.results.map((result) => ({ role: "tool", tool_call_id: result.call, content: result.text }));
        }
        if (turn.role === "assistant") {
          const made = calls.map((call) => ({
            id: call.id,
            type: "function",
            function: { name: call.name, arguments: call.arguments },
          }));
          return [{ role: "assistant", content: textOf(turn.answer) || null, ...(made.length > 0 ? { tool_calls: made } : {}) }];
        }
        if (turn.pictures.length === 0) return [{ role: "user", content: turn.text }];
        const pictures = turn.pictures.map(({ url }) => ({ type: "image_url", image_url: { url } }));
        return [{ role: "user", content: [...(turn.text ? [{ type: "text", text: turn.text }] : []), ...pictures] }];
      }),
    ],
    stream: true,
    stream_options: { include_usage: true },
    ...(settings.maxTokens === null ? {} : { max_completion_tokens: settings.maxTokens }),
    ...(settings.temperature === null ? {} : { temperature: settings.temperature }),
    ...(isSaid(settings.effort) ? { reasoning_effort: settings.effort } : {}),
    ...(settings.tools.length > 0
      ? { tools: settings.tools.map((tool) => ({ type: "function", function: functionOf(tool) })) }
      : {}),
  };
}

// ── responses ──────────────────────────────────────────────────────────────────────────────────────────────

function responsesBody(model: string, settings: Settings, said: Said[]): Record<string, unknown> {
  const tools = [
    ...settings.tools.map((tool) => ({ type: "function", ...functionOf(tool) })),
    ...(settings.drawing ? [{ type: "image_generation", partial_images: 2 }] : []),
  ];
  const thinks = settings.effort !== "none";
  return {
    model,
    ...(settings.system.trim() ? { instructions: settings.system } : {}),
    input: said.flatMap(({ turn, parts }): object[] => {
      if (turn.role === "tool") {
        return turn.results.map((result) => ({ type: "function_call_output", call_id: result.call, output: result.text }));
      }
      if (turn.role === "assistant") return parts.flatMap((part) => answerItem(part, thinks));
      if (turn.pictures.length === 0) return [{ role: "user", content: turn.text }];
      const pictures = turn.pictures.map(({ url }) => ({ type: "input_image", detail: "auto", image_url: url }));
      return [{ role: "user", content: [...(turn.text ? [{ type: "input_text", text: turn.text }] : []), ...pictures] }];
    }),
    stream: true,
    store: false,
    ...(settings.maxTokens === null ? {} : { max_output_tokens: settings.maxTokens }),
    ...(settings.temperature === null ? {} : { temperature: settings.temperature }),
    ...(thinks
      ? {
          reasoning: { ...(isSaid(settings.effort) ? { effort: settings.effort } : {}), summary: "auto" },
          // The provider keeps nothing, so its thoughts come along, sealed. Models that do not think refuse this.
          include: ["reasoning.encrypted_content"],
        }
      : {}),
    ...(tools.length > 0 ? { tools } : {}),
  };
}

function answerItem(part: Part, thinks: boolean): object[] {
  switch (part.type) {
    case "text":
      return [{ role: "assistant", content: part.text }];
    case "reasoning":
      return part.item && thinks ? [part.item] : [];
    case "call":
      return [{ type: "function_call", call_id: part.id, name: part.name, arguments: part.arguments }];
    case "image":
      return [];
  }
}

// ── messages ───────────────────────────────────────────────────────────────────────────────────────────────

function messagesBody(model: string, settings: Settings, said: Said[]): Record<string, unknown> {
  const budget = BUDGETS[settings.effort];
  const limit = settings.maxTokens ?? DEFAULT_MAX_TOKENS;
  const thinking =
    settings.effort === "auto" ? { type: "adaptive" } : budget === undefined ? null : { type: "enabled", budget_tokens: budget };
  return {
    model,
    ...(settings.system.trim() ? { system: settings.system } : {}),
    messages: said.map(({ turn, parts }) => ({
      role: turn.role === "assistant" ? "assistant" : "user",
      content: turn.role === "assistant" ? parts.flatMap(answerBlock) : turn.role === "tool" ? resultBlocks(turn) : userContent(turn),
    })),
    // The thoughts count against the limit, and have to leave room for an answer.
    max_tokens: budget === undefined ? limit : Math.max(limit, budget + 1024),
    stream: true,
    // With thinking, Anthropic takes no other temperature than its own.
    ...(settings.temperature === null || thinking !== null ? {} : { temperature: settings.temperature }),
    ...(thinking === null ? {} : { thinking }),
    ...(settings.tools.length > 0
      ? {
          tools: settings.tools.map((tool) => {
            const { parameters, ...rest } = functionOf(tool);
            return { ...rest, input_schema: parameters };
          }),
        }
      : {}),
  };
}

function answerBlock(part: Part): object[] {
  switch (part.type) {
    case "text":
      return [{ type: "text", text: part.text }];
    case "reasoning":
      if (part.redacted !== undefined) return [{ type: "redacted_thinking", data: part.redacted }];
      // Only what Anthropic has signed goes back to it.
      return part.signature === undefined ? [] : [{ type: "thinking", thinking: part.text, signature: part.signature }];
    case "call":
      return [{ type: "tool_use", id: part.id, name: part.name, input: parsed(part.arguments) ?? {} }];
    case "image":
      return [];
  }
}

function resultBlocks(turn: ResultsTurn): object[] {
  return turn.results.map((result) => ({ type: "tool_result", tool_use_id: result.call, content: result.text }));
}

function userContent(turn: { text: string; pictures: Picture[] }): string | object[] {
  if (turn.pictures.length === 0) return turn.text;
  const pictures = turn.pictures.flatMap(({ url }) => {
    const found = /^data:([^;,]+);base64,(.*)$/s.exec(url);
    return found ? [{ type: "image", source: { type: "base64", media_type: found[1], data: found[2] } }] : [];
  });
  return [...pictures, ...(turn.text ? [{ type: "text", text: turn.text }] : [])];
}

// ── all ────────────────────────────────────────────────────────────────────────────────────────────────────

function isSaid(effort: Effort): boolean {
  return effort !== "none" && effort !== "auto";
}

function functionOf(tool: Tool): { name: string; description?: string; parameters: unknown } {
  return {
    name: tool.name,
    ...(tool.description.trim() ? { description: tool.description } : {}),
    parameters: parsed(tool.schema) ?? { type: "object", properties: {} },
  };
}
