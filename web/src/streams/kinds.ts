/** Kinds of events, of every API, as few groups that have a colour each. Pure. */

export const GROUPS = ["content", "reasoning", "tool", "image", "end", "error", "other"] as const;

export type KindGroup = (typeof GROUPS)[number];

/** A colour for each group, that can be told apart in both schemes; kept beside the words of a legend. */
export const COLOURS: Readonly<Record<KindGroup, string>> = {
  content: "var(--stream-content)",
  reasoning: "var(--stream-reasoning)",
  tool: "var(--stream-tool)",
  image: "var(--stream-image)",
  end: "var(--stream-end)",
  error: "var(--stream-error)",
  other: "var(--stream-other)",
};

const BY_NAME: ReadonlyMap<string, KindGroup> = new Map(
  Object.entries({
    content: "content",
    text_delta: "content",
    refusal: "content",
    audio: "content",
    body: "content",
    reasoning: "reasoning",
    thinking_delta: "reasoning",
    signature_delta: "reasoning",
    tool_calls: "tool",
    input_json_delta: "tool",
    images: "image",
    finish: "end",
    usage: "end",
    done: "end",
    message_delta: "end",
    message_stop: "end",
    error: "error",
    "response.failed": "error",
    "response.completed": "end",
    "response.incomplete": "end",
  } as const),
);

/** What an event of that kind is about: the names are those of each API, and new ones come. */
export function groupOf(kind: string): KindGroup {
  const known = BY_NAME.get(kind);
  if (known !== undefined) return known;
  if (kind.includes("image")) return kind.endsWith(".completed") && !kind.includes("call") ? "end" : "image";
  if (/reasoning|thinking/.test(kind)) return "reasoning";
  if (/function_call|tool|mcp|_call\b/.test(kind)) return "tool";
  if (/(text|refusal|audio|transcript)\.delta$/.test(kind)) return "content";
  return "other";
}
