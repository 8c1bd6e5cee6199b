/** What can be asked of a picture, and how each API wants to be asked. */

import type { Mode } from "@/lib/profiles";

export const QUALITIES = ["auto", "low", "medium", "high", "xhigh", "max"] as const;
export const FORMATS = ["png", "jpeg", "webp"] as const;
export const BACKGROUNDS = ["auto", "opaque", "transparent"] as const;
export const MODERATIONS = ["auto", "low"] as const;

/** Of the Images API; each is a request of its own here. */
export const MAX_PICTURES = 10;
export const MAX_PARTIALS = 3;
/** Of GPT image models. */
export const MAX_REFERENCES = 16;
export const MAX_PROMPT_CHARS = 32_000;
export const MAX_REFERENCE_BYTES = 50_000_000;

export interface Params {
  /** `auto`, or as `1536x1024`. */
  size: string;
  quality: (typeof QUALITIES)[number];
  format: (typeof FORMATS)[number];
  /** 0 to 100, of jpeg and webp. */
  compression: number;
  background: (typeof BACKGROUNDS)[number];
  moderation: (typeof MODERATIONS)[number];
  /** Show pictures as they form. */
  stream: boolean;
  /** How many of them, 0 to 3. */
  partials: number;
  /** Of the image tool in the Responses API; empty: the provider's choice. */
  toolModel: string;
}

export const DEFAULT_PARAMS: Params = {
  size: "auto",
  quality: "auto",
  format: "png",
  compression: 100,
  background: "auto",
  moderation: "auto",
  stream: true,
  partials: 3,
  toolModel: "",
};

/** Whatever was kept, as parameters. */
export function readParams(found: unknown): Params {
  const from: Partial<Record<keyof Params, unknown>> = typeof found === "object" && found !== null ? found : {};
  const number = (value: unknown, least: number, most: number, other: number) =>
    typeof value === "number" && value >= least && value <= most ? Math.round(value) : other;
  return {
    size: typeof from.size === "string" && /^(auto|\d{1,5}x\d{1,5})$/.test(from.size) ? from.size : DEFAULT_PARAMS.size,
    quality: among(QUALITIES, from.quality),
    format: among(FORMATS, from.format),
    compression: number(from.compression, 0, 100, DEFAULT_PARAMS.compression),
    background: among(BACKGROUNDS, from.background),
    moderation: among(MODERATIONS, from.moderation),
    stream: typeof from.stream === "boolean" ? from.stream : DEFAULT_PARAMS.stream,
    partials: number(from.partials, 0, MAX_PARTIALS, DEFAULT_PARAMS.partials),
    toolModel: typeof from.toolModel === "string" ? from.toolModel : "",
  };
}

export function among<const T extends readonly string[]>(all: T, value: unknown): T[number] {
  return all.find((one) => one === value) ?? all[0] ?? "";
}

/** A file to send along. */
export interface Upload {
  blob: Blob;
  name: string;
}

export interface Request {
  path: string;
  body: object;
}

export interface Wanted {
  mode: Mode;
  model: string;
  prompt: string;
  params: Params;
  references: readonly Upload[];
  mask: Upload | null;
}

/** One picture's request, as its API wants it. What is `auto` is left out: older models don't know all of them. */
export async function requestFor(wanted: Wanted): Promise<Request> {
  if (wanted.mode === "responses") return { path: "/responses", body: await responsesBody(wanted) };
  if (wanted.references.length === 0) return { path: "/images/generations", body: imagesFields(wanted) };
  return { path: "/images/edits", body: editForm(wanted) };
}

function imagesFields({ model, prompt, params }: Wanted): Record<string, string | number | boolean> {
  return {
    model,
    prompt,
    ...pictureFields(params),
    ...(params.moderation === "auto" ? {} : { moderation: params.moderation }),
    ...(params.stream ? { stream: true, partial_images: params.partials } : {}),
  };
}

function pictureFields(params: Params): Record<string, string | number> {
  const fields: Record<string, string | number> = {};
  if (params.size !== "auto") fields.size = params.size;
  if (params.quality !== "auto") fields.quality = params.quality;
  if (params.background !== "auto") fields.background = params.background;
  if (params.format !== "png") {
    fields.output_format = params.format;
    fields.output_compression = params.compression;
  }
  return fields;
}

function editForm(wanted: Wanted): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(imagesFields(wanted))) form.append(name, String(value));
  for (const { blob, name } of wanted.references) form.append("image[]", blob, name);
  if (wanted.mask !== null) form.append("mask", wanted.mask.blob, wanted.mask.name);
  return form;
}

async function responsesBody({ model, prompt, params, references, mask }: Wanted): Promise<object> {
  const images = await Promise.all(
    references.map(async ({ blob }) => ({ type: "input_image", detail: "auto", image_url: await dataUrl(blob) })),
  );
  const tool = {
    type: "image_generation",
    ...pictureFields(params),
    ...(params.toolModel ? { model: params.toolModel } : {}),
    ...(params.moderation === "auto" ? {} : { moderation: params.moderation }),
    ...(params.stream ? { partial_images: params.partials } : {}),
    ...(mask === null ? {} : { input_image_mask: { image_url: await dataUrl(mask.blob) } }),
  };
  return {
    model,
    input: [{ role: "user", content: [{ type: "input_text", text: prompt }, ...images] }],
    tools: [tool],
    // Else a model may well answer with words.
    tool_choice: { type: "image_generation" },
    ...(params.stream ? { stream: true } : {}),
  };
}

/** A file as a `data:` address. */
export async function dataUrl(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let binary = "";
  // A piece at a time: `fromCharCode` takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 32_768) binary += String.fromCharCode(...bytes.subarray(at, at + 32_768));
  return `data:${blob.type || "image/png"};base64,${btoa(binary)}`;
}
