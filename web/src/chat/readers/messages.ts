/** Events of Anthropic's Messages API, from `message_start` to `message_stop`. */

import { errorIn } from "@/lib/errors";
import type { SseEvent } from "@/lib/sse";

import type { Delta } from "../types";
import { decoded, END, type Fields, fields, list, number, type Reader, text, truncated, usage } from "./reader";

export class MessagesReader implements Reader {
  private ended = false;

  read(event: SseEvent): Delta[] {
    const got = decoded(event);
    if ("failed" in got) return this.close([got.failed]);
    const body = got.value;
    const key = String(number(body.index) ?? 0);
    switch (text(body.type) || event.event) {
      case "ping":
        return [{ kind: "beat" }];
      case "message_start": {
        const message = fields(body.message);
        return [{ kind: "begin", model: text(message.model) }, ...used(message.usage)];
      }
      case "content_block_start":
        return block(key, fields(body.content_block), false);
      case "content_block_delta":
        return change(key, fields(body.delta));
      case "message_delta": {
        const reason = text(fields(body.delta).stop_reason);
        return [...(reason ? [{ kind: "finish", reason } as const] : []), ...used(body.usage)];
      }
      case "message_stop":
        return this.close([END]);
      default:
        return [];
    }
  }

  end(): Delta[] {
    return this.close([truncated()]);
  }

  whole(value: unknown): Delta[] {
    const problem = errorIn(value);
    if (problem) return [{ kind: "error", problem: { ...problem, raw: JSON.stringify(value) } }];
    const message = fields(value);
    return [
      { kind: "begin", model: text(message.model) },
      ...list(message.content).flatMap((one, index) => block(String(index), one, true)),
      ...used(message.usage),
      ...(text(message.stop_reason) ? [{ kind: "finish", reason: text(message.stop_reason) } as const] : []),
      END,
    ];
  }

  private close(deltas: Delta[]): Delta[] {
    if (this.ended) return [];
    this.ended = true;
    return deltas;
  }
}

/** A block as it begins, or the whole of it. */
function block(key: string, start: Fields, whole: boolean): Delta[] {
  switch (start.type) {
    case "tool_use": {
      // At the start of a stream `input` is `{}`, and says nothing yet.
      const piece = whole ? JSON.stringify(start.input ?? {}) : "";
      return [{ kind: "call", key, id: text(start.id), name: text(start.name), piece }];
    }
    case "text":
      return text(start.text) ? [{ kind: "text", text: text(start.text) }] : [];
    case "thinking":
      return [
        ...(text(start.thinking) ? [{ kind: "reasoning", text: text(start.thinking) } as const] : []),
        ...(text(start.signature) ? [{ kind: "signature", text: text(start.signature) } as const] : []),
      ];
    case "redacted_thinking":
      return [{ kind: "redacted", data: text(start.data) }];
    default:
      return [];
  }
}

function change(key: string, delta: Fields): Delta[] {
  switch (delta.type) {
    case "text_delta":
      return [{ kind: "text", text: text(delta.text) }];
    case "thinking_delta":
      return [{ kind: "reasoning", text: text(delta.thinking) }];
    case "signature_delta":
      return [{ kind: "signature", text: text(delta.signature) }];
    case "input_json_delta":
      return [{ kind: "call", key, piece: text(delta.partial_json) }];
    default:
      return [];
  }
}

function used(said: unknown): Delta[] {
  const all = fields(said);
  const parts = [all.input_tokens, all.cache_read_input_tokens, all.cache_creation_input_tokens].map(number);
  // Anthropic counts what was cached apart from the input; the other two within it.
  const input = parts.every((count) => count === null) ? null : parts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
  return [
    usage({
      input,
      output: number(all.output_tokens),
      reasoning: number(fields(all.output_tokens_details).thinking_tokens),
      cached: number(all.cache_read_input_tokens),
    }),
  ];
}
