/** How an upstream is, in one word. Pure. */

import type { UpstreamHealth } from "@/lib/api";

export type Health = "passing" | "drained" | "open" | "halfOpen";

/** That an administrator took it out of service counts for more than what its circuit would say. */
export function healthOf({ drained, circuit }: Pick<UpstreamHealth, "drained" | "circuit">): Health {
  if (drained) return "drained";
  if (circuit === "open") return "open";
  return circuit === "half_open" ? "halfOpen" : "passing";
}

/** Milliseconds until a moment in Unix seconds; `null` if there is none, or it is over. */
export function untilMs(unixS: number | null, nowMs: number): number | null {
  if (unixS === null) return null;
  const left = unixS * 1000 - nowMs;
  return left > 0 ? left : null;
}

/** What is said of a setting that may be there: text, a number, a list of text. */
export function textOf(settings: Readonly<Record<string, unknown>>, name: string): string {
  const value = settings[name];
  if (Array.isArray(value)) return value.map(String).join(", ");
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}
