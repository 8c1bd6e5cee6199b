/** Where models are asked, and with which key: this gateway, or any other address that speaks the same API. */

import { isObject } from "./errors";
import { persisted } from "./persisted";

export type Mode = "images" | "responses";

export interface Profile {
  id: string;
  /** Empty: the first one, which has a name in each language. */
  name: string;
  /** As `https://gateway.example.com/v1`; empty: this gateway. */
  baseUrl: string;
  /** A client's key; empty: none is sent. */
  apiKey: string;
  /** How pictures are asked for. */
  mode: Mode;
  /** Empty: what the page proposes. */
  model: string;
}

export interface Profiles {
  /** Never empty; the first one can't be removed. */
  list: readonly Profile[];
  current: string;
}

export const DEFAULT_PROFILE: Profile = { id: "here", name: "", baseUrl: "", apiKey: "", mode: "images", model: "" };

export const profiles = persisted<Profiles>("sluiceway.profiles", readProfiles);

/** The one in use. */
export function currentProfile(all: Profiles = profiles.get()): Profile {
  return all.list.find((one) => one.id === all.current) ?? all.list[0] ?? DEFAULT_PROFILE;
}

/** Change the one of that id, or add it. */
export function putProfile(profile: Profile): void {
  profiles.set((all) => {
    const known = all.list.some((one) => one.id === profile.id);
    const list = known ? all.list.map((one) => (one.id === profile.id ? profile : one)) : [...all.list, profile];
    return { ...all, list };
  });
}

/** Remove it; the first one stays. */
export function removeProfile(id: string): void {
  profiles.set((all) => {
    const list = all.list.filter((one, index) => index === 0 || one.id !== id);
    return { list, current: list.some((one) => one.id === all.current) ? all.current : DEFAULT_PROFILE.id };
  });
}

/** What `fetch` needs for a path under `/v1`, as `/chat/completions`. */
export function endpoint(profile: Profile, path: string): { url: string; headers: Record<string, string> } {
  const base = profile.baseUrl.trim().replace(/\/+$/, "") || "/v1";
  return { url: base + path, headers: profile.apiKey ? { authorization: `Bearer ${profile.apiKey}` } : {} };
}

/** Whatever was kept, as profiles. */
export function readProfiles(found: unknown): Profiles {
  const list = isObject(found) && Array.isArray(found.list) ? found.list.flatMap(readProfile) : [];
  if (list[0]?.id !== DEFAULT_PROFILE.id) list.unshift(DEFAULT_PROFILE);
  const current = isObject(found) && typeof found.current === "string" ? found.current : "";
  return { list, current: list.some((one) => one.id === current) ? current : DEFAULT_PROFILE.id };
}

function readProfile(found: unknown): Profile[] {
  if (!isObject(found) || typeof found.id !== "string") return [];
  const text = (name: string) => (typeof found[name] === "string" ? found[name] : "");
  return [
    {
      id: found.id,
      name: text("name"),
      baseUrl: text("baseUrl"),
      apiKey: text("apiKey"),
      mode: found.mode === "responses" ? "responses" : "images",
      model: text("model"),
    },
  ];
}
