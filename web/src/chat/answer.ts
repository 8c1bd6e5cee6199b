/** An answer as it grows: pure, the clock is passed in. */

import type { Problem } from "@/lib/errors";

import type { Answer, Call, Delta, Part } from "./types";

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
      return { ...answer, usage: { ...answer.usage, ...delta.usage } };
    case "finish":
      return { ...answer, finish: delta.reason };
    case "error":
      return ended(answer, "error", ms, delta.problem);
    case "end":
      return ended(answer, "done", ms);
    default: {
      const parts = withPart(answer.parts, delta);
      if (parts === answer.parts) return answer;
      const counts = delta.kind === "text" || delta.kind === "reasoning" || (delta.kind === "call" && delta.piece);
      return { ...answer, parts, firstMs: answer.firstMs ?? ms, pieces: answer.pieces + (counts ? 1 : 0) };
    }
  }
}

/** No more comes. What came is kept. */
export function ended(answer: Answer, status: Exclude<Answer["status"], "running">, ms: number | null, error?: Problem): Answer {
  if (answer.status !== "running") return answer;
  return { ...answer, status, endMs: ms, error: error ?? null };
}

/** Tokens each second from the first one on; `exact`: by the provider's count. */
export function speed(answer: Answer, ms: number): { perS: number; exact: boolean } | null {
  if (answer.firstMs === null) return null;
  const tookS = ((answer.endMs ?? ms) - answer.firstMs) / 1000;
  const tokens = answer.usage.output ?? 0;
  const exact = answer.status === "done" && tokens > 0;
  const count = (exact ? tokens : answer.pieces) - 1;
  return tookS >= 0.05 && count > 0 ? { perS: count / tookS, exact } : null;
}

/** All its text, without the thoughts. */
export function textOf(answer: Answer): string {
  return answer.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

export function callsOf(answer: Answer): Call[] {
  return answer.parts.filter((part) => part.type === "call");
}

type Growing = Extract<Delta, { kind: "text" | "reasoning" | "signature" | "redacted" | "call" | "image" }>;

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
      if (last?.type === "reasoning" && last.signature === undefined && last.redacted === undefined) {
        return [...parts.slice(0, -1), { type: "reasoning", text: last.text + delta.text }];
      }
      return [...parts, { type: "reasoning", text: delta.text }];
    case "signature":
      if (last?.type !== "reasoning") return [...parts, { type: "reasoning", text: "", signature: delta.text }];
      return [...parts.slice(0, -1), { ...last, signature: (last.signature ?? "") + delta.text }];
    case "redacted":
      return [...parts, { type: "reasoning", text: "", redacted: delta.data }];
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

/** In place of the part of the same key, or at the end. */
function put(parts: Part[], part: Extract<Part, { key: string }>): Part[] {
  const known = parts.some((one) => one.type === part.type && one.key === part.key);
  if (!known) return [...parts, part];
  return parts.map((one) => (one.type === part.type && one.key === part.key ? part : one));
}
