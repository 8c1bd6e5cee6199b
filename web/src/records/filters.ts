/** Which records are wanted: as the address has it, and as the API is asked. Pure. */

import type { Operations, RequestRecord } from "@/lib/api";

export type Outcome = RequestRecord["outcome"];
export type Query = Operations["GET /api/records"]["query"];

export const OUTCOMES = [
  "ok",
  "client_gone",
  "cancelled",
  "truncated",
  "timeout",
  "upstream_error",
  "unreachable",
  "overloaded",
  "refused",
  "invalid",
  "draining",
  "failed",
] as const satisfies readonly Outcome[];

/** Spans back from now, in seconds. */
export const SPANS = { "1h": 3600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000 } as const;
export type Span = keyof typeof SPANS;

export interface Filters {
  text: string;
  /** `bad`: anything but `ok`. */
  outcome: Outcome | "bad" | "";
  key: string;
  model: string;
  upstream: string;
  dialect: string;
  error_code: string;
  /** Streams, or answers in one piece. */
  kind: "stream" | "json" | "";
  /** The first event took so many seconds, or longer; 0: however long. */
  slow_s: number;
  /** Back from now; `own`: from `since` to `until`; empty: whenever. */
  span: Span | "own" | "";
  /** Unix seconds; 0: open. */
  since: number;
  until: number;
}

export const ANY: Filters = {
  text: "",
  outcome: "",
  key: "",
  model: "",
  upstream: "",
  dialect: "",
  error_code: "",
  kind: "",
  slow_s: 0,
  span: "",
  since: 0,
  until: 0,
};

/** From the address; what is not understood there is as if it were not. */
export function readFilters(search: URLSearchParams): Filters {
  const text = (name: string) => search.get(name)?.trim() ?? "";
  const number = (name: string) => {
    const value = Number(search.get(name));
    return Number.isFinite(value) && value > 0 ? value : 0;
  };
  const among = <T extends string>(name: string, known: readonly T[]): T | "" => known.find((one) => one === text(name)) ?? "";
  return {
    text: text("text"),
    outcome: among("outcome", [...OUTCOMES, "bad"]),
    key: text("key"),
    model: text("model"),
    upstream: text("upstream"),
    dialect: text("dialect"),
    error_code: text("error_code"),
    kind: among("kind", ["stream", "json"]),
    slow_s: number("slow_s"),
    span: among("span", [...(Object.keys(SPANS) as Span[]), "own"]),
    since: number("since"),
    until: number("until"),
  };
}

/** For the address: only what is wanted. */
export function writeFilters(filters: Filters): URLSearchParams {
  const own = filters.span === "own";
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(filters) as [string, string | number][]) {
    if (value !== "" && value !== 0 && (own || (name !== "since" && name !== "until"))) search.set(name, String(value));
  }
  return search;
}

/** What the API is asked; `nowS`: what spans are counted back from. */
export function queryOf(filters: Filters, nowS: number): Query {
  const { text, outcome, key, model, upstream, dialect, error_code, kind, slow_s, span, since, until } = filters;
  const time =
    span === "own"
      ? { ...(since > 0 ? { since } : {}), ...(until > 0 ? { until } : {}) }
      : span === ""
        ? {}
        : { since: Math.floor(nowS) - SPANS[span] };
  return {
    ...filled({ text, key, model, upstream, dialect, error_code }),
    ...(outcome === "bad" ? { failed: true } : outcome === "" ? {} : { outcome }),
    ...(kind === "" ? {} : { stream: kind === "stream" }),
    ...(slow_s > 0 ? { min_first_event_ms: slow_s * 1000 } : {}),
    ...time,
  };
}

/** How many of those that are not always seen are set. */
export function hiddenCount({ key, upstream, dialect, error_code, kind }: Filters): number {
  return [key, upstream, dialect, error_code, kind].filter(Boolean).length;
}

export function isAny(filters: Filters): boolean {
  return writeFilters(filters).size === 0;
}

function filled<T extends Record<string, string>>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== "")) as Partial<T>;
}

/** Unix seconds as the browser's field for date and time has them, in local time; 0: empty. */
export function toLocal(unixS: number): string {
  if (unixS === 0) return "";
  const at = new Date(unixS * 1000);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function fromLocal(text: string): number {
  const at = Date.parse(text);
  return Number.isNaN(at) ? 0 : at / 1000;
}
