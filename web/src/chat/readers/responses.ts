/** Events of the Responses API, from `response.created` to `response.completed`. */

import { errorIn } from "@/lib/errors";
import type { SseEvent } from "@/lib/sse";

import type { Delta } from "../types";
import { decoded, END, type Fields, fields, list, number, type Reader, text, truncated, usage } from "./reader";

export class ResponsesReader implements Reader {
  private begun = false;
  private ended = false;
  /** Items of which deltas came: what their end repeats is known. */
  private readonly told = new Set<string>();

  read(event: SseEvent): Delta[] {
    const got = decoded(event);
    if ("failed" in got) return this.close([got.failed]);
    const body = got.value;
    const item = fields(body.item);
    const delta = text(body.delta);
    const key = text(body.item_id) || text(item.id) || String(number(body.output_index) ?? 0);
    switch (text(body.type) || event.event) {
      case "response.created":
      case "response.in_progress":
        return this.begin(fields(body.response));
      case "response.output_text.delta":
      case "response.refusal.delta":
        this.told.add(key);
        return [{ kind: "text", text: delta }];
      case "response.reasoning_summary_part.added":
        return number(body.summary_index) ? [{ kind: "reasoning", text: "\n\n" }] : [];
      case "response.reasoning_summary_text.delta":
      case "response.reasoning_text.delta":
        this.told.add(key);
        return [{ kind: "reasoning", text: delta }];
      case "response.output_item.added":
        return item.type === "function_call" ? [call(key, item, "piece")] : [];
      case "response.function_call_arguments.delta":
        return [{ kind: "call", key, piece: delta }];
      case "response.function_call_arguments.done":
        return [{ kind: "call", key, whole: text(body.arguments) }];
      case "response.image_generation_call.partial_image":
        return [{ kind: "image", key, url: picture(body.partial_image_b64, body), final: false }];
      case "response.output_item.done":
        return this.item(key, item);
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
        return this.close(this.outcome(fields(body.response)));
      default:
        return [];
    }
  }

  end(): Delta[] {
    return this.ended ? [] : this.close([truncated()]);
  }

  whole(value: unknown): Delta[] {
    const body = fields(value);
    const items = list(body.output).flatMap((item, index) => this.item(text(item.id) || String(index), item));
    return [...this.begin(body), ...items, ...this.outcome(body)];
  }

  private begin(response: Fields): Delta[] {
    if (this.begun || text(response.model) === "") return [];
    this.begun = true;
    return [{ kind: "begin", model: text(response.model) }];
  }

  /** A finished item: what its deltas did not tell. */
  private item(key: string, item: Fields): Delta[] {
    if (item.type === "function_call") return [call(key, item, "whole")];
    if (item.type === "image_generation_call") {
      return text(item.result) ? [{ kind: "image", key, url: picture(item.result, item), final: true }] : [];
    }
    if (item.type === "reasoning") return [...this.thought(key, item), ...sealed(item)];
    if (this.told.has(key)) return [];
    if (item.type === "message") {
      const said = list(item.content).map((part) => text(part.text) || text(part.refusal)).join("");
      return said ? [{ kind: "text", text: said }] : [];
    }
    return [];
  }

  private thought(key: string, item: Fields): Delta[] {
    if (this.told.has(key)) return [];
    const thought = [...list(item.summary), ...list(item.content)].map((part) => text(part.text)).join("\n\n");
    return thought ? [{ kind: "reasoning", text: thought }] : [];
  }

  private outcome(response: Fields): Delta[] {
    const deltas: Delta[] = isUsage(response.usage) ? [used(response.usage)] : [];
    const problem = errorIn(response);
    if (problem ?? response.status === "failed") {
      const raw = JSON.stringify(response.error ?? response);
      deltas.push({ kind: "error", problem: { ...(problem ?? { message: "The response failed." }), raw } });
      return deltas;
    }
    const reason = text(fields(response.incomplete_details).reason) || text(response.status);
    if (reason) deltas.push({ kind: "finish", reason });
    return [...deltas, END];
  }

  private close(deltas: Delta[]): Delta[] {
    if (this.ended) return [];
    this.ended = true;
    return deltas;
  }
}

/** What only the provider can open, and wants back as it came. */
function sealed(item: Fields): Delta[] {
  return text(item.encrypted_content) ? [{ kind: "sealed", item }] : [];
}

function call(key: string, item: Fields, as: "piece" | "whole"): Delta {
  return { kind: "call", key, id: text(item.call_id), name: text(item.name), [as]: text(item.arguments) };
}

function picture(base64: unknown, of: Fields): string {
  return `data:image/${text(of.output_format) || "png"};base64,${text(base64)}`;
}

function isUsage(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

function used(said: Fields): Delta {
  return usage({
    input: number(said.input_tokens),
    output: number(said.output_tokens),
    reasoning: number(fields(said.output_tokens_details).reasoning_tokens),
    cached: number(fields(said.input_tokens_details).cached_tokens),
  });
}
