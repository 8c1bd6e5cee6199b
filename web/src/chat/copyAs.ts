/** The request for an answer, as something to run elsewhere. Never with the key itself. Pure. */

import type { Request } from "./request";
import type { Dialect } from "./types";

/** Where the key is taken from, when it is run. */
export const KEY_NAME = "SLUICEWAY_API_KEY";

/** For a shell. `base`: the whole address up to `/v1`. */
export function asCurl(request: Request, base: string): string {
  const headers = { "content-type": "application/json", authorization: `Bearer $${KEY_NAME}`, ...request.headers };
  return [
    `curl -N ${base}${request.path} \\`,
    ...Object.entries(headers).map(([name, value]) => `  -H "${name}: ${value}" \\`),
    // From standard input: pictures make it longer than an argument may be. In quotes, so that the shell changes nothing.
    "  --data-binary @- <<'JSON'",
    JSON.stringify(request.body, null, 2),
    "JSON",
    "",
  ].join("\n");
}

/** For Python, with the SDK of the dialect's provider. */
export function asPython(dialect: Dialect, request: Request, base: string): string {
  const key = `api_key=os.environ.get("${KEY_NAME}", "none")`;
  const body = Object.entries(request.body)
    .map(([name, value]) => `    ${name}=${literal(value, 1)},`)
    .join("\n");
  const [sdk, client, call, reading] = PYTHON[dialect];
  // Anthropic's SDK adds the /v1 itself.
  const at = dialect === "messages" ? base.replace(/\/v1$/, "") : base;
  return `import os

from ${sdk} import ${client}

client = ${client}(base_url=${literal(at, 0)}, ${key})
stream = client.${call}(
${body}
)
for event in stream:
${reading}
`;
}

const PYTHON: Record<Dialect, readonly [sdk: string, client: string, call: string, reading: string]> = {
  chat: [
    "openai",
    "OpenAI",
    "chat.completions.create",
    `    if event.choices and event.choices[0].delta.content:
        print(event.choices[0].delta.content, end="", flush=True)`,
  ],
  responses: [
    "openai",
    "OpenAI",
    "responses.create",
    `    if event.type == "response.output_text.delta":
        print(event.delta, end="", flush=True)`,
  ],
  messages: [
    "anthropic",
    "Anthropic",
    "messages.create",
    `    if event.type == "content_block_delta" and event.delta.type == "text_delta":
        print(event.delta.text, end="", flush=True)`,
  ],
};

/** A value of JSON as Python writes it. What JSON escapes in a text, Python reads the same. */
export function literal(value: unknown, depth: number): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const list = Array.isArray(value);
  const items = list
    ? value.map((one) => literal(one, depth + 1))
    : Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${literal(one, depth + 1)}`);
  const [open, close] = list ? ["[", "]"] : ["{", "}"];
  if (items.length === 0) return open + close;
  const indent = "    ".repeat(depth + 1);
  return `${open}\n${items.map((item) => `${indent}${item},\n`).join("")}${"    ".repeat(depth)}${close}`;
}
