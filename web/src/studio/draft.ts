/** What is being prepared: the prompt, how it shall look, what goes along. It outlives a reload. */

import { isObject } from "@/lib/errors";
import { persisted } from "@/lib/persisted";
import { currentProfile, type Mode, profiles, putProfile } from "@/lib/profiles";

import { keep } from "./db";
import { DEFAULT_PARAMS, MAX_PICTURES, MAX_REFERENCE_BYTES, MAX_REFERENCES, type Params, readParams } from "./params";
import type { Asked, Picture, Task } from "./task";

export interface Draft {
  prompt: string;
  count: number;
  params: Params;
  references: readonly Picture[];
  mask: Picture | null;
  /** The model of the mode that is not in use, for when one goes back to it. */
  otherModel: string;
}

export const draft = persisted<Draft>("sluiceway.studio.draft", readDraft);

export function change(part: Partial<Draft>): void {
  draft.set((before) => ({ ...before, ...part }));
}

export function changeParams(part: Partial<Params>): void {
  draft.set((before) => ({ ...before, params: { ...before.params, ...part } }));
}

/** The other API, with the model that was used there. */
export function changeMode(mode: Mode): void {
  const profile = currentProfile();
  if (profile.mode === mode) return;
  const { otherModel } = draft.get();
  change({ otherModel: profile.model });
  putProfile({ ...profile, mode, model: otherModel });
}

export interface Added {
  /** Names of files that are no pictures, or too large. */
  refused: string[];
  /** How many were left out, since there were enough already. */
  over: number;
}

/** Pictures to go along. */
export async function addReferences(files: readonly Blob[]): Promise<Added> {
  const named = files.map((file) => ({ file, name: file instanceof File ? file.name : file.type }));
  const good = named.filter(({ file }) => /^image\/(png|jpe?g|webp|gif|avif|bmp)$/.test(file.type) && file.size <= MAX_REFERENCE_BYTES);
  const kept: Picture[] = [];
  for (const { file } of good) kept.push(await keep(await sendable(file)));
  const all = [...draft.get().references];
  for (const one of kept) if (!all.some((other) => other.hash === one.hash)) all.push(one);
  change({ references: all.slice(0, MAX_REFERENCES) });
  return {
    refused: named.filter((one) => !good.includes(one)).map((one) => one.name),
    over: Math.max(0, all.length - MAX_REFERENCES),
  };
}

/** APIs take png, jpeg and webp: anything else that the browser can show becomes a png. */
async function sendable(file: Blob): Promise<Blob> {
  if (/^image\/(png|jpeg|webp)$/.test(file.type)) return file;
  const bitmap = await createImageBitmap(file);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  bitmap.close();
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ?? file), "image/png"));
}

export function removeReference(hash: string): void {
  draft.set((before) => {
    const first = before.references[0]?.hash === hash;
    return { ...before, references: before.references.filter((one) => one.hash !== hash), mask: first ? null : before.mask };
  });
}

/** To the front: the mask is for the first one. */
export function makeFirst(hash: string): void {
  draft.set((before) => {
    const chosen = before.references.find((one) => one.hash === hash);
    if (chosen === undefined || before.references[0] === chosen) return before;
    return { ...before, references: [chosen, ...before.references.filter((one) => one !== chosen)], mask: null };
  });
}

/** Ask for the same again, to change it. */
export function reuse({ asked }: Task): void {
  change({ prompt: asked.prompt, params: asked.params, references: asked.references, mask: asked.mask });
  changeMode(asked.mode);
}

/** Go on from a picture that was made. */
export function editFrom(task: Task, picture: Picture): void {
  change({ references: [picture], mask: null, prompt: task.asked.prompt });
}

/** What the draft asks for; `model`: the one in use. */
export function askedBy({ prompt, params, references, mask }: Draft, model: string): Asked {
  const { id, name, baseUrl, mode } = currentProfile(profiles.get());
  return { prompt: prompt.trim(), mode, model, params, references, mask: references.length > 0 ? mask : null, profile: { id, name, baseUrl } };
}

/** Pictures that the composer holds must outlive the tasks they come from. */
export function heldByDraft(): string[] {
  const { references, mask } = draft.get();
  return [...references, ...(mask ? [mask] : [])].map((one) => one.hash);
}

function readDraft(found: unknown): Draft {
  const from = isObject(found) ? found : {};
  const { count } = from;
  const references = Array.isArray(from.references) ? from.references.filter(isPicture) : [];
  return {
    prompt: typeof from.prompt === "string" ? from.prompt : "",
    count: typeof count === "number" && count >= 1 && count <= MAX_PICTURES ? Math.round(count) : 1,
    params: from.params === undefined ? DEFAULT_PARAMS : readParams(from.params),
    references,
    mask: isPicture(from.mask) && references.length > 0 ? from.mask : null,
    otherModel: typeof from.otherModel === "string" ? from.otherModel : "",
  };
}

export function isPicture(value: unknown): value is Picture {
  return isObject(value) && typeof value.hash === "string" && typeof value.mime === "string" && typeof value.bytes === "number" && typeof value.width === "number" && typeof value.height === "number";
}
