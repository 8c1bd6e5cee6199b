/**
 * Settings in an address, as `/studio#baseUrl=https://…/v1&apiKey=…&mode=responses&model=…`: what it offers, and what to
 * make of that. Pure.
 *
 * Whoever makes a link chooses where prompts and pictures go, and whose key pays: an address or a key that is not known
 * yet is taken only if the user says so, and never is a key that is known sent to an address that a link names.
 */

import { type Mode, type Profile, type Profiles, currentProfile } from "@/lib/profiles";

export interface Offer {
  name: string;
  /** Tidied; empty: this gateway, or none is named. */
  baseUrl: string;
  /** It named an address that is none, which is `baseUrl` to the letter then. */
  invalid: boolean;
  apiKey: string;
  mode: Mode | undefined;
  model: string;
}

/** Each with the names it has in an address, also those of similar pages; the first is what we write. */
const NAMES = {
  name: ["profile", "name"],
  baseUrl: ["baseUrl", "base_url", "apiUrl", "api_url"],
  apiKey: ["apiKey", "api_key", "key"],
  mode: ["mode", "apiMode", "api_mode"],
  model: ["model"],
} as const;

/** What the query or the hash of an address offers; nothing: `undefined`. `origin`: of this page. */
export function readOffer(search: string, hash: string, origin: string): Offer | undefined {
  const [query, fragment] = [new URLSearchParams(search), new URLSearchParams(hash.replace(/^#/, ""))];
  const found = (names: readonly string[]) => {
    for (const name of names) {
      const value = (fragment.get(name) ?? query.get(name) ?? "").trim();
      if (value) return value;
    }
    return "";
  };
  const mode = found(NAMES.mode);
  const named = found(NAMES.baseUrl);
  const address = tidyAddress(named);
  const offer: Offer = {
    name: found(NAMES.name),
    baseUrl: address === undefined ? named : isHere(address, origin) ? "" : address,
    invalid: named !== "" && address === undefined,
    apiKey: found(NAMES.apiKey),
    mode: mode === "images" || mode === "responses" ? mode : undefined,
    model: found(NAMES.model),
  };
  return offer.baseUrl || offer.apiKey || offer.mode || offer.model ? offer : undefined;
}

/** The rest of an address, without what `readOffer` reads: so that a key does not stay in the browser's history. */
export function withoutOffer(search: string, hash: string): { search: string; hash: string } {
  const rest = (text: string) => {
    const params = new URLSearchParams(text);
    for (const name of Object.values(NAMES).flat()) params.delete(name);
    return params.toString();
  };
  const [query, fragment] = [rest(search), rest(hash.replace(/^#/, ""))];
  return { search: query && `?${query}`, hash: fragment && `#${fragment}` };
}

export interface Decision {
  /** What to use from now on; has the id of a known one, or `newId`. */
  profile: Profile;
  /** The user has to be asked: its address or its key is not known. */
  ask: boolean;
}

/** What to make of an offer that is not invalid. `newId`: for a profile that has to be added. */
export function decide(offer: Offer, all: Profiles, newId: string): Decision {
  const change = (profile: Profile): Profile => {
    const mode = offer.mode ?? profile.mode;
    // A model of one API is none of the other.
    return { ...profile, mode, model: offer.model || (mode === profile.mode ? profile.model : "") };
  };
  if (offer.baseUrl === "" && offer.apiKey === "") return { profile: change(currentProfile(all)), ask: false };
  const known = all.list.find(
    (one) => tidyAddress(one.baseUrl) === (offer.baseUrl || undefined) && (offer.apiKey === "" || one.apiKey === offer.apiKey),
  );
  if (known) return { profile: change(known), ask: false };
  const name = offer.name || hostOf(offer.baseUrl);
  const { baseUrl, apiKey } = offer;
  return { profile: { id: newId, name, baseUrl, apiKey, mode: offer.mode ?? "images", model: offer.model }, ask: true };
}

/** A link that offers a profile. It stands in the hash, which no server and no log is told. */
export function linkOf(profile: Profile, origin: string, withKey: boolean): string {
  const params = new URLSearchParams();
  const set = (name: string, value: string) => value && params.set(name, value);
  set(NAMES.name[0], profile.name);
  set(NAMES.baseUrl[0], profile.baseUrl || `${origin}/v1`);
  if (withKey) set(NAMES.apiKey[0], profile.apiKey);
  set(NAMES.mode[0], profile.mode);
  set(NAMES.model[0], profile.model);
  return `${origin}/studio#${params.toString()}`;
}

/** An address under which an API may be, in one form; `undefined`: it is none. */
export function tidyAddress(text: string): string | undefined {
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    return undefined;
  }
  // Who can't be seen in the name of the host must not hide before an @.
  if ((url.protocol !== "https:" && url.protocol !== "http:") || url.username !== "" || url.password !== "") return undefined;
  return url.origin + url.pathname.replace(/\/+$/, "");
}

/** Whether what is sent there can be read on the way. */
export function isOpen(address: string): boolean {
  const url = new URL(address);
  return url.protocol === "http:" && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
}

export function hostOf(address: string): string {
  try {
    return new URL(address).host;
  } catch {
    return "";
  }
}

function isHere(address: string, origin: string): boolean {
  return address === origin || address === `${origin}/v1`;
}
