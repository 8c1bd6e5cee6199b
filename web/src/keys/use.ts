/** How much of its limits a key has used. Pure. */

import type { Key } from "@/lib/api";

import type { Limit } from "./form";

export interface Spent {
  limit: Limit;
  used: number;
  most: number;
  /** From 0; 1 and more: used up. */
  share: number;
  /** Counted in the currency of the prices. */
  money: boolean;
}

/** Each limit that is set, with what is used of it; none where nobody knows. */
export function spentOf(key: Key): Spent[] {
  const { settings, use } = key;
  const all: [Limit, number | undefined][] = [
    ["max_in_flight", key.in_flight],
    ["requests_per_minute", use?.requests],
    ["tokens_per_minute", use?.tokens],
    ["tokens_per_day", use?.tokens_today],
    ["tokens_per_month", use?.tokens_this_month],
    ["cost_per_day", use?.cost_today],
    ["cost_per_month", use?.cost_this_month],
  ];
  return all.flatMap(([limit, used]) => {
    const most = settings[limit];
    if (most === 0 || used === undefined) return [];
    return [{ limit, used, most, share: used / most, money: limit.startsWith("cost") }];
  });
}

/** How near the end of a limit is. */
export function toneOf(share: number): "good" | "warn" | "bad" {
  if (share >= 1) return "bad";
  return share >= 0.8 ? "warn" : "good";
}

/** The keys that are shown: those with `text` in their name, owner or models. */
export function matching(keys: readonly Key[], text: string, state: Key["state"] | "all"): Key[] {
  const wanted = text.trim().toLowerCase();
  return keys.filter((key) => {
    const words = [key.name, key.settings.owner, ...key.settings.models].join("\n").toLowerCase();
    return (state === "all" || key.state === state) && words.includes(wanted);
  });
}
