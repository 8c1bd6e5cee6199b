/**
 * What an answer with pictures says, event by event, whichever API it comes from.
 *
 * `new Reader().read(data)` takes the JSON of one event, or a whole JSON answer, and gives back what it tells of;
 * `end()` says whether it was all there. Shapes: the Images API and the image tool of the Responses API.
 */

import { errorIn, isObject, type Problem } from "@/lib/errors";

import type { Actual, Usage } from "./task";

export type Told =
  | { kind: "preview"; index: number; base64: string; actual: Actual }
  | { kind: "picture"; base64: string; actual: Actual; revisedPrompt: string | null }
  /** The provider gives an address instead of the picture. */
  | { kind: "address"; url: string; actual: Actual; revisedPrompt: string | null }
  | { kind: "facts"; usage: Usage | null; words: string; actual: Actual }
  | { kind: "problem"; problem: Problem };

export class Reader {
  private pictures = 0;
  private terminal = false;
  private readonly items = new Set<string>();

  /** An event's data as text; `[DONE]`, which some providers send here too, says nothing. */
  readText(data: string): Told[] {
    if (data.trim() === "[DONE]") return [];
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      this.terminal = true;
      return [{ kind: "problem", problem: { message: "an event of the stream is no JSON", code: "upstream_invalid", raw: data.slice(0, 4000) } }];
    }
    return this.read(value);
  }

  /** An event, or a whole answer. */
  read(value: unknown): Told[] {
    if (!isObject(value)) return [];
    const type = text(value.type);
    const problem = type.startsWith("response.") || value.object === "response" ? undefined : errorIn(value);
    if (problem !== undefined) return this.failed(problem, value);
    if (/^image_(generation|edit)\.partial_image$/.test(type)) {
      return [{ kind: "preview", index: number(value.partial_image_index), base64: text(value.b64_json), actual: actualOf(value) }];
    }
    if (/^image_(generation|edit)\.completed$/.test(type)) {
      this.terminal = true;
      return [...this.picture(value, value), facts(value)];
    }
    if (type === "response.image_generation_call.partial_image") {
      return [{ kind: "preview", index: number(value.partial_image_index), base64: text(value.partial_image_b64), actual: actualOf(value) }];
    }
    if (type === "response.output_text.delta") return [{ kind: "facts", usage: null, words: text(value.delta), actual: {} }];
    if (type === "response.output_item.done") return this.item(value.item, false);
    if (/^response\.(completed|incomplete|failed)$/.test(type)) return this.response(value.response, true);
    if (value.object === "response") return this.response(value, false);
    if (Array.isArray(value.data)) {
      this.terminal = true;
      return [...value.data.flatMap((one: unknown) => (isObject(one) ? this.picture(one, value) : [])), facts(value)];
    }
    return [];
  }

  /** The answer is over: what is wrong with it, if anything. */
  end(): Problem | undefined {
    if (this.terminal) return undefined;
    return { message: "the stream ended before the picture was finished", code: "upstream_truncated" };
  }

  private failed(problem: Problem, value: unknown): Told[] {
    this.terminal = true;
    return [{ kind: "problem", problem: { ...problem, raw: JSON.stringify(value, null, 2) } }];
  }

  private picture(value: Record<string, unknown>, around: Record<string, unknown>): Told[] {
    const about = { actual: actualOf({ ...around, ...value }), revisedPrompt: text(value.revised_prompt) || null };
    const base64 = text(value.b64_json) || text(value.result);
    if (base64) {
      this.pictures += 1;
      return [{ kind: "picture", base64, ...about }];
    }
    const url = text(value.url);
    if (!url) return [];
    this.pictures += 1;
    return [{ kind: "address", url, ...about }];
  }

  private item(item: unknown, withWords: boolean): Told[] {
    if (!isObject(item)) return [];
    if (item.type === "image_generation_call") {
      const id = text(item.id);
      // The end of the stream repeats what it said before.
      if (id && this.items.has(id)) return [];
      const told = this.picture(item, item);
      if (told.length > 0 && id) this.items.add(id);
      return told;
    }
    if (!withWords || item.type !== "message" || !Array.isArray(item.content)) return [];
    const words = item.content.map((part: unknown) => (isObject(part) ? text(part.text) || text(part.refusal) : "")).join("");
    return words ? [{ kind: "facts", usage: null, words, actual: {} }] : [];
  }

  private response(response: unknown, streamed: boolean): Told[] {
    this.terminal = true;
    if (!isObject(response)) return [];
    const told = Array.isArray(response.output) ? response.output.flatMap((one: unknown) => this.item(one, !streamed)) : [];
    told.push(facts(response));
    if (response.status === "failed") return [...told, ...this.failed(errorIn(response) ?? { message: "the response failed" }, response)];
    if (response.status === "incomplete" && this.pictures === 0) {
      const why = isObject(response.incomplete_details) ? text(response.incomplete_details.reason) : "";
      return [...told, ...this.failed({ message: why || "the response is incomplete", code: "incomplete" }, response)];
    }
    return told;
  }
}

function facts(value: Record<string, unknown>): Told {
  const usage = isObject(value.usage) ? value.usage : undefined;
  const count = (name: string) => (typeof usage?.[name] === "number" ? usage[name] : null);
  return {
    kind: "facts",
    usage: usage ? { input: count("input_tokens"), output: count("output_tokens"), total: count("total_tokens") } : null,
    words: "",
    actual: text(value.model) ? { model: text(value.model) } : {},
  };
}

function actualOf(value: Record<string, unknown>): Actual {
  const names = ["size", "quality", "background", "output_format"] as const;
  const said = names.map((name) => [name, text(value[name])] as const);
  return Object.fromEntries(said.filter(([, word]) => word !== ""));
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
