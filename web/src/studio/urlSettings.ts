/**
 * Settings in the page's address, after `?` or `#`: `#prompt=a+weir&mode=responses&size=1536x1024`.
 *
 * Pure: text in, what it asks for out. A foreign base URL or a key is kept apart, since it may only be taken once the
 * person has said yes: it sends prompts and pictures elsewhere.
 */

import type { Profile } from "@/lib/profiles";

import { MAX_PICTURES, MAX_PROMPT_CHARS, type Params, readParams } from "./params";

export interface UrlSettings {
  prompt?: string;
  count?: number;
  params: Partial<Params>;
  mode?: Profile["mode"];
  model?: string;
  /** What needs a yes. */
  foreign?: { baseUrl: string; apiKey: string; name: string };
}

/** Each name, with others that links of similar pages use. */
const NAMES = {
  prompt: ["prompt", "q"],
  count: ["n", "count"],
  mode: ["mode", "apiMode", "api_mode"],
  model: ["model"],
  baseUrl: ["baseUrl", "base_url", "apiUrl", "api_url"],
  apiKey: ["apiKey", "api_key", "key"],
  name: ["profile", "name"],
  size: ["size"],
  quality: ["quality"],
  format: ["format", "output_format"],
  compression: ["compression", "output_compression"],
  background: ["background"],
  moderation: ["moderation"],
  stream: ["stream"],
  partials: ["partials", "partial_images"],
} as const;

/** Undefined: the address asks for nothing. */
export function readUrlSettings(search: string, hash: string): UrlSettings | undefined {
  const given = new Map([...new URLSearchParams(search.replace(/^\?/, "")), ...new URLSearchParams(hash.replace(/^#/, ""))]);
  const of = (name: keyof typeof NAMES) => NAMES[name].map((one) => given.get(one)).find((one) => one !== undefined);
  const settings: UrlSettings = { params: readGiven(of) };
  const [prompt, count, mode, model] = [of("prompt"), Number(of("count") ?? Number.NaN), of("mode"), of("model")];
  if (prompt) settings.prompt = prompt.slice(0, MAX_PROMPT_CHARS);
  if (count >= 1 && count <= MAX_PICTURES) settings.count = Math.round(count);
  if (mode === "images" || mode === "responses") settings.mode = mode;
  if (model) settings.model = model;
  const baseUrl = httpUrl(of("baseUrl") ?? "");
  const apiKey = (of("apiKey") ?? "").trim();
  if (baseUrl || apiKey) settings.foreign = { baseUrl, apiKey, name: (of("name") ?? "").slice(0, 60) };
  return Object.keys(settings).length > 1 || Object.keys(settings.params).length > 0 ? settings : undefined;
}

function readGiven(of: (name: keyof typeof NAMES) => string | undefined): Partial<Params> {
  const found: Record<string, unknown> = {};
  for (const name of ["size", "quality", "format", "background", "moderation"] as const) found[name] = of(name);
  for (const name of ["compression", "partials"] as const) found[name] = of(name) === undefined ? undefined : Number(of(name));
  const stream = of("stream");
  found.stream = stream === undefined ? undefined : !/^(0|false|no|off)$/i.test(stream);
  const read = readParams(found);
  // What makes no sense is as if it were not there, rather than a default that undoes what was chosen before.
  return Object.fromEntries(Object.entries(read).filter(([name, value]) => found[name] === value));
}

/** Only what `fetch` may be sent to; without a name and password, which would be sent along. */
function httpUrl(text: string): string {
  if (!URL.canParse(text)) return "";
  const url = new URL(text);
  if (!/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") return "";
  return url.href.replace(/\/+$/, "");
}
