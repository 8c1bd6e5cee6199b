/** `chat.completion.chunk` events, with the liberties that providers take: no index, no `[DONE]`, empty reasons. */

import { errorIn } from "@/lib/errors";
import type { SseEvent } from "@/lib/sse";

import type { Delta } from "../types";
import { decoded, END, type Fields, fields, list, number, type Reader, text, truncated, usage } from "./reader";

export class ChatReader implements Reader {
  private begun = false;
  /** A finish reason came: some providers leave out the `[DONE]` after it. */
  private finished = false;
  private ended = false;
  /** Of the tool call that a delta without an index belongs to. */
  private lastCall = "0";

  read(event: SseEvent): Delta[] {
    if (event.data.trim() === "[DONE]") return this.close();
    const got = decoded(event);
    if ("failed" in got) {
      this.ended = true;
      return [got.failed];
    }
    const deltas = this.begin(got.value);
    const choice = list(got.value.choices).find((one) => (one.index ?? 0) === 0);
    if (choice) deltas.push(...this.choice(choice, fields(choice.delta)));
    deltas.push(...used(got.value));
    return deltas;
  }

  end(): Delta[] {
    if (this.ended) return [];
    return this.finished ? this.close() : [truncated()];
  }

  whole(value: unknown): Delta[] {
    const problem = errorIn(value);
    if (problem) return [{ kind: "error", problem: { ...problem, raw: JSON.stringify(value) } }];
    const body = fields(value);
    const choice = list(body.choices)[0] ?? {};
    return [...this.begin(body), ...this.choice(choice, fields(choice.message)), ...used(body), END];
  }

  private begin(body: Fields): Delta[] {
    if (this.begun || text(body.model) === "") return [];
    this.begun = true;
    return [{ kind: "begin", model: text(body.model) }];
  }

  private choice(choice: Fields, delta: Fields): Delta[] {
    const deltas: Delta[] = [];
    const thought = text(delta.reasoning_content) || text(delta.reasoning);
    if (thought) deltas.push({ kind: "reasoning", text: thought });
    const said = text(delta.content) + text(delta.refusal);
    if (said) deltas.push({ kind: "text", text: said });
    for (const call of list(delta.tool_calls)) deltas.push(this.call(call));
    const reason = text(choice.finish_reason);
    if (reason) {
      this.finished = true;
      deltas.push({ kind: "finish", reason });
    }
    return deltas;
  }

  private call(call: Fields): Delta {
    const id = text(call.id);
    // Without an index, a new id begins a call, and everything else goes on with the last one.
    if (call.index !== undefined && call.index !== null) this.lastCall = JSON.stringify(call.index);
    else if (id) this.lastCall = id;
    const { name, arguments: piece } = fields(call.function);
    return {
      kind: "call",
      key: this.lastCall,
      ...(id ? { id } : {}),
      ...(text(name) ? { name: text(name) } : {}),
      piece: text(piece),
    };
  }

  private close(): Delta[] {
    if (this.ended) return [];
    this.ended = true;
    return [END];
  }
}

function used(body: Fields): Delta[] {
  const said = body.usage;
  if (typeof said !== "object" || said === null) return [];
  const { prompt_tokens, completion_tokens, prompt_tokens_details, completion_tokens_details } = said as Fields;
  return [
    usage({
      input: number(prompt_tokens),
      output: number(completion_tokens),
      reasoning: number(fields(completion_tokens_details).reasoning_tokens),
      cached: number(fields(prompt_tokens_details).cached_tokens),
    }),
  ];
}
