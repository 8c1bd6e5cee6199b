/**
 * What an address asks the studio for, after `?` or `#`: `#prompt=a+weir&size=1536x1024`. Pure: text in, what it asks for
 * out. Addresses, keys, the mode and the model are a profile's, which `settings/urlSettings` reads.
 */

import { MAX_PICTURES, MAX_PROMPT_CHARS, type Params, readParams } from "./params";

export interface UrlSettings {
  prompt?: string;
  count?: number;
  params: Partial<Params>;
}

/** Each name, with others that links of similar pages use. */
const NAMES = {
  prompt: ["prompt", "q"],
  count: ["n", "count"],
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
  const [prompt, count] = [of("prompt"), Number(of("count") ?? Number.NaN)];
  if (prompt) settings.prompt = prompt.slice(0, MAX_PROMPT_CHARS);
  if (count >= 1 && count <= MAX_PICTURES) settings.count = Math.round(count);
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
