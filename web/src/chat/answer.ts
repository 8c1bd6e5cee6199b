/** An answer as it grows: pure, the clock is passed in. */

import type { Problem } from "@/lib/errors";

import type { Answer, Call, Delta, Part, Thinking } from "./types";

export function newAnswer(): Answer {
  return {
    status: "running",
    parts: [],
    model: "",
    finish: "",
    usage: { input: null, output: null, reasoning: null, cached: null },
    error: null,
    firstMs: null,
    endMs: null,
    lastMs: null,
    countedMs: null,
    pieces: 0,
    beats: 0,
    requestId: "",
  };
}

/** The answer with what an event added, `ms` after the question. After its end nothing changes it any more. */
export function grown(answer: Answer, delta: Delta, ms: number): Answer {
  if (answer.status !== "running") return answer;
  switch (delta.kind) {
    case "begin":
      return { ...answer, model: delta.model };
    case "beat":
      return { ...answer, beats: answer.beats + 1 };
    case "usage":
      return {
        ...answer,
        usage: { ...answer.usage, ...delta.usage },
        // Anthropic begins with a count, before there is anything to count.
        countedMs: answer.firstMs !== null && typeof delta.usage.output === "number" ? ms : answer.countedMs,
      };
    case "finish":
      return { ...answer, finish: delta.reason };
    case "error":
      return ended(answer, "error", ms, delta.problem);
    case "end":
      return ended(answer, "done", ms);
    default: {
      const parts = withPart(answer.parts, delta);
      if (parts === answer.parts) return answer;
      // What closes a thought is for the provider only.
      if (delta.kind === "signature" || delta.kind === "sealed") return { ...answer, parts };
      const counts = delta.kind === "text" || delta.kind === "reasoning" || (delta.kind === "call" && delta.piece);
      return { ...answer, parts, firstMs: answer.firstMs ?? ms, lastMs: ms, pieces: answer.pieces + (counts ? 1 : 0) };
    }
  }
}

/** No more comes. What came is kept. */
export function ended(answer: Answer, status: Exclude<Answer["status"], "running">, ms: number | null, error?: Problem): Answer {
  if (answer.status !== "running") return answer;
  return { ...answer, status, endMs: ms, error: error ?? null };
}

/** How fast it came. */
export interface Speed {
  /** Each second, from the first one on. */
  perS: number;
  /** `tokens`: by the provider's count. `events`: it gave none yet; one may hold a token, or many. */
  of: "tokens" | "events";
}

/** Below this, there is nothing to divide by. */
const MIN_TIMED_MS = 50;

/** `ms`: now, after the question; for an answer that still comes. */
export function speed(answer: Answer, ms: number): Speed | null {
  const { firstMs, countedMs, endMs, usage } = answer;
  if (firstMs === null) return null;
  const over = (count: number, untilMs: number, of: Speed["of"]) =>
    untilMs - firstMs >= MIN_TIMED_MS && count > 1 ? { perS: ((count - 1) * 1000) / (untilMs - firstMs), of } : null;
  // A provider that counts the thoughts it keeps to itself made them before the first token that it showed.
  const unseen = answer.parts.some((part) => part.type === "reasoning" && part.text !== "") ? 0 : (usage.reasoning ?? 0);
  const counted = countedMs === null ? null : over((usage.output ?? 0) - unseen, countedMs, "tokens");
  return counted ?? over(answer.pieces, endMs ?? Math.max(ms, answer.lastMs ?? 0), "events");
}

/** All its text, without the thoughts. */
export function textOf(answer: Answer): string {
  return answer.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

export function callsOf(answer: Answer): Call[] {
  return answer.parts.filter((part) => part.type === "call");
}

type Growing = Extract<Delta, { kind: "text" | "reasoning" | "signature" | "redacted" | "sealed" | "call" | "image" }>;

function withPart(parts: Part[], delta: Growing): Part[] {
  const last = parts.at(-1);
  switch (delta.kind) {
    case "text":
      if (delta.text === "") return parts;
      if (last?.type === "text") return [...parts.slice(0, -1), { type: "text", text: last.text + delta.text }];
      return [...parts, { type: "text", text: delta.text }];
    case "reasoning":
      if (delta.text === "") return parts;
      // A signature belongs to the thought as it was: what comes after it is another one.
      if (last?.type === "reasoning" && !isClosed(last)) {
        return [...parts.slice(0, -1), { type: "reasoning", text: last.text + delta.text }];
      }
      return [...parts, { type: "reasoning", text: delta.text }];
    case "signature":
      // It comes in one piece: a second one is that of a thought of which nothing is shown.
      if (last?.type !== "reasoning" || isClosed(last)) return [...parts, { type: "reasoning", text: "", signature: delta.text }];
      return [...parts.slice(0, -1), { ...last, signature: delta.text }];
    case "redacted":
      return [...parts, { type: "reasoning", text: "", redacted: delta.data }];
    case "sealed":
      if (last?.type !== "reasoning" || isClosed(last)) return [...parts, { type: "reasoning", text: "", item: delta.item }];
      return [...parts.slice(0, -1), { ...last, item: delta.item }];
    case "image":
      return put(parts, { type: "image", key: delta.key, url: delta.url, final: delta.final });
    case "call": {
      const known = parts.find((part) => part.type === "call" && part.key === delta.key);
      const before = known?.type === "call" ? known : { type: "call" as const, key: delta.key, id: "", name: "", arguments: "" };
      return put(parts, {
        ...before,
        id: before.id || (delta.id ?? ""),
        name: before.name || (delta.name ?? ""),
        arguments: delta.whole ?? before.arguments + (delta.piece ?? ""),
      });
    }
  }
}

/** Whether it goes back to the provider as it is now. */
export function isClosed(thought: Thinking): boolean {
  return thought.signature !== undefined || thought.redacted !== undefined || thought.item !== undefined;
}

/** In place of the part of the same key, or at the end. */
function put(parts: Part[], part: Extract<Part, { key: string }>): Part[] {
  const known = parts.some((one) => one.type === part.type && one.key === part.key);
  if (!known) return [...parts, part];
  return parts.map((one) => (one.type === part.type && one.key === part.key ? part : one));
}
