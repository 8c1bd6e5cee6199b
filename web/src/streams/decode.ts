/** What an event says, made readable. Pure. */

import { SseParser } from "@/lib/sse";

export interface Decoded {
  /** Its `event:`, if it has one. */
  name: string;
  id: string;
  /** Its data, spread out if it is JSON. */
  text: string;
  isJson: boolean;
}

/** The fields of an event as it was sent; `undefined` if it is none, but a comment, or a piece of a body. */
export function decoded(content: string): Decoded | undefined {
  const parser = new SseParser();
  // What was left out of its middle may have been the end of a line.
  const items = [...parser.feed(content), ...parser.feed("\n\n"), ...parser.end()];
  const event = items.find((item) => item.kind !== "comment");
  if (event === undefined) return undefined;
  const spread = asJson(event.data);
  return {
    // A name that was not sent is the standard's own.
    name: /^event:/m.test(content) ? event.event : "",
    id: event.id,
    text: spread ?? event.data,
    isJson: spread !== undefined,
  };
}

function asJson(text: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return undefined;
  }
}
