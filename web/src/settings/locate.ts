/** In which line of a TOML text a key stands that the gateway has found a fault with. Pure. */

/**
 * The line, from 1, of a path as `upstreams[1].stream.idle_s`; if it is missing, that of the table it belongs to; 0:
 * nowhere. Good enough for files that people write: keys within strings of several lines are taken for keys, too.
 */
export function lineOf(toml: string, path: string): number {
  const lines = linesByPath(toml);
  for (let wanted = path; wanted !== ""; wanted = wanted.replace(/(\.?[^.[\]]+|\[\d+\])$/, "")) {
    const line = lines.get(wanted);
    if (line !== undefined) return line;
  }
  return 0;
}

/** Of a text that is no TOML at all: the line that the message names, as `(at line 3, column 8)`; 0: none. */
export function lineIn(message: string): number {
  return Number(/\bat line (\d+)/.exec(message)?.[1] ?? 0);
}

/** From where to where a line goes, for a selection. */
export function rangeOf(text: string, line: number): [number, number] {
  const lines = text.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  return [start, start + (lines[line - 1]?.length ?? 0)];
}

function linesByPath(toml: string): Map<string, number> {
  const lines = new Map<string, number>();
  const lengths = new Map<string, number>();
  let table = "";
  const note = (path: string, line: number) => {
    if (!lines.has(path)) lines.set(path, line);
  };
  // `[upstreams.stream]` is in the last of `[[upstreams]]`.
  const within = (names: readonly string[]) =>
    names.reduce((above, name) => {
      const path = above ? `${above}.${name}` : name;
      const length = lengths.get(path);
      return length === undefined ? path : `${path}[${length - 1}]`;
    }, "");
  for (const [index, text] of toml.split("\n").entries()) {
    const header = /^\s*(\[\[?)\s*([^[\]]+?)\s*\]\]?\s*(#.*)?$/.exec(text);
    if (header) {
      const names = namesOf(header[2] ?? "");
      if (header[1] === "[[") {
        const list = [within(names.slice(0, -1)), names.at(-1)].filter(Boolean).join(".");
        lengths.set(list, (lengths.get(list) ?? 0) + 1);
        note(list, index + 1);
      }
      table = within(names);
      note(table, index + 1);
      continue;
    }
    const key = /^\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=/.exec(text);
    if (key) note([table, ...namesOf(key[1] ?? "")].filter(Boolean).join("."), index + 1);
  }
  return lines;
}

function namesOf(dotted: string): string[] {
  return dotted.split(".").map((name) => name.trim().replace(/^["'](.*)["']$/, "$1"));
}
