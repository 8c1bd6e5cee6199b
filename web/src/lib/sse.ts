/**
 * Server-sent events, parsed as they come: text or bytes in, events and comments out.
 *
 * Pieces may be cut anywhere: inside a CRLF, a character, a field's name. After the parsing rules of the HTML standard,
 * section 9.2.6; but what is left without its blank line at the end counts (`end`), as in the SDKs of providers.
 */

export interface SseEvent {
  readonly kind: "event";
  /** The `event:` field; `"message"` where there is none. */
  readonly event: string;
  readonly data: string;
  /** The last `id:` of the stream so far; empty: none. */
  readonly id: string;
}

export interface SseComment {
  readonly kind: "comment";
  readonly text: string;
}

export type SseItem = SseEvent | SseComment;

/** The most that a line or an event may take, in UTF-16 units: whoever sends more never means to end it. */
const MAX_LENGTH = 256 * 1024 * 1024;

export class SseParser {
  // Bytes that are no UTF-8 become U+FFFD, as the standard wants it. The mark at the start is taken off below.
  private readonly decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** A line that has not ended yet, in the pieces it came in: joined once, not once for each piece. */
  private pieces: string[] = [];
  private length = 0;
  private first = true;
  private sawCarriageReturn = false;
  private data: string[] = [];
  private event = "";
  private id = "";

  /** What this piece completes, in order. Throws a `RangeError` on an event without end. */
  feed(piece: Uint8Array | string): SseItem[] {
    return this.take(typeof piece === "string" ? piece : this.decoder.decode(piece, { stream: true }));
  }

  /** The stream is over: an event that only lacks its blank line, or nothing. */
  end(): SseItem[] {
    const items = this.take(this.decoder.decode());
    if (this.pieces.length > 0) this.line(this.finishLine(""), items);
    this.line("", items);
    return items;
  }

  private take(text: string): SseItem[] {
    const items: SseItem[] = [];
    let start = 0;
    if (text === "") return items;
    if (this.first) {
      this.first = false;
      if (text.startsWith("\uFEFF")) start = 1;
    }
    // The second half of a CRLF whose first half ended the piece before.
    if (this.sawCarriageReturn && text[start] === "\n") start += 1;
    if (start < text.length) this.sawCarriageReturn = false;
    for (let end = lineEnd(text, start); end >= 0; end = lineEnd(text, start)) {
      this.line(this.finishLine(text.slice(start, end)), items);
      start = end + 1;
      if (text[end] === "\r") {
        if (start === text.length) this.sawCarriageReturn = true;
        else if (text[start] === "\n") start += 1;
      }
    }
    if (start < text.length) this.keep(text.slice(start));
    return items;
  }

  private keep(piece: string): void {
    this.pieces.push(piece);
    this.grow(piece.length);
  }

  private finishLine(rest: string): string {
    if (this.pieces.length === 0) return rest;
    const line = this.pieces.join("") + rest;
    this.length -= line.length - rest.length;
    this.pieces = [];
    return line;
  }

  private grow(by: number): void {
    this.length += by;
    if (this.length > MAX_LENGTH) throw new RangeError("an event of the stream does not end");
  }

  private line(line: string, items: SseItem[]): void {
    if (line === "") {
      if (this.data.length > 0) {
        items.push({ kind: "event", event: this.event || "message", data: this.data.join("\n"), id: this.id });
      }
      this.data = [];
      this.event = "";
      this.length = 0;
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) {
      items.push({ kind: "comment", text: line.slice(line[1] === " " ? 2 : 1) });
      return;
    }
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") {
      this.data.push(value);
      this.grow(value.length);
    } else if (field === "event") this.event = value;
    else if (field === "id" && !value.includes("\0")) this.id = value;
  }
}

/** Where the next line ends, or -1. */
function lineEnd(text: string, from: number): number {
  const feed = text.indexOf("\n", from);
  const carriage = text.indexOf("\r", from);
  if (carriage < 0) return feed;
  return feed < 0 ? carriage : Math.min(feed, carriage);
}
