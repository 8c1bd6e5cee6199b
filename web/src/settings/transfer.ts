/** Profiles as a file, and back. Pure. */

import { isObject } from "@/lib/errors";
import { DEFAULT_PROFILE, type Profile, readProfiles } from "@/lib/profiles";

import { tidyAddress } from "./urlSettings";

const VERSION = 1;

/** The text of a file. Keys are left out unless they are wanted: whoever has the file has them. */
export function exportText(list: readonly Profile[], withKeys: boolean): string {
  const profiles = list.map(({ name, baseUrl, apiKey, mode, model }) => ({ name, baseUrl, apiKey: withKeys ? apiKey : "", mode, model }));
  return `${JSON.stringify({ sluiceway: VERSION, profiles }, null, 2)}\n`;
}

/**
 * The profiles of such a file that are not among `list` yet; `undefined`: it is no such file. Those without an address
 * or a key of their own are nothing new. `newId`: makes an id.
 */
export function importText(text: string, list: readonly Profile[], newId: () => string): Profile[] | undefined {
  const found = parsed(text);
  if (!isObject(found) || found.sluiceway !== VERSION || !Array.isArray(found.profiles)) return undefined;
  const profiles = found.profiles.filter(isObject).map((one) => ({ ...one, id: newId() }));
  const read = readProfiles({ list: [DEFAULT_PROFILE, ...profiles] }).list.slice(1);
  const seen = new Set(list.map(identity));
  return read.filter((one) => {
    if (one.baseUrl !== "" && tidyAddress(one.baseUrl) === undefined) return false;
    if (one.baseUrl === "" && one.apiKey === "" && one.name === "") return false;
    const isNew = !seen.has(identity(one));
    seen.add(identity(one));
    return isNew;
  });
}

function identity({ name, baseUrl, apiKey, mode, model }: Profile): string {
  return JSON.stringify([name, tidyAddress(baseUrl) ?? "", apiKey, mode, model]);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
