/** Sums of usage: which days are asked for, what they come to, how they become a chart and a file. Pure. */

import type { UsageRow } from "@/lib/api";

export const DIMENSIONS = ["day", "key", "model", "upstream"] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export const MEASURES = ["requests", "errors", "tokens", "cost", "firstEvent"] as const;
export type Measure = (typeof MEASURES)[number];

/** The most that a chart tells apart; the rest is one. */
export const MOST_SERIES = 6;

const DAY_MS = 86_400_000;

/** Figures of which only sums make sense. */
type Sum = Omit<UsageRow, Dimension>;

const NOTHING: Sum = {
  requests: 0,
  errors: 0,
  counted: 0,
  input_tokens: 0,
  output_tokens: 0,
  total_tokens: 0,
  cached_tokens: 0,
  reasoning_tokens: 0,
  image_tokens: 0,
  estimated: 0,
  estimated_input_tokens: 0,
  estimated_output_tokens: 0,
  estimated_total_tokens: 0,
  cost: 0,
  duration_ms: 0,
  first_events: 0,
  first_event_ms: 0,
  bytes_in: 0,
  bytes_out: 0,
};

/** The day in UTC, as the gateway counts days. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** The last `days` days, today included. */
export function lastDays(days: number, nowMs: number): { since: string; until: string } {
  return { since: dayOf(nowMs - (days - 1) * DAY_MS), until: dayOf(nowMs) };
}

/** Each day from the first to the last, which are included; none if they are in the wrong order or no days. */
export function daysBetween(since: string, until: string): string[] {
  const [first, last] = [Date.parse(since), Date.parse(until)];
  const count = Math.floor((last - first) / DAY_MS) + 1;
  return Number.isFinite(count) && count > 0 ? Array.from({ length: count }, (_, index) => dayOf(first + index * DAY_MS)) : [];
}

/** All rows together. */
export function totalOf(rows: readonly Sum[]): Sum {
  const total = { ...NOTHING };
  for (const row of rows) {
    for (const name of Object.keys(NOTHING) as (keyof Sum)[]) total[name] += row[name];
  }
  return total;
}

/** Tokens as upstreams counted them: total, or, where they gave none, both directions. Never estimates. */
export function valueOf(row: Sum, measure: Measure): number | null {
  switch (measure) {
    case "requests":
      return row.requests;
    case "errors":
      return row.errors;
    case "tokens":
      return row.input_tokens + row.output_tokens;
    case "cost":
      return row.cost;
    case "firstEvent":
      return row.first_events > 0 ? row.first_event_ms / row.first_events : null;
  }
}

/** Whether the parts of a sum may be put on top of one another: means may not. */
export function stacks(measure: Measure): boolean {
  return measure !== "firstEvent";
}

export interface Series {
  /** `null`: requests that had none, as those without a key; `undefined`: all, or all the others together. */
  name: string | null | undefined;
  /** One for each day; null where there was nothing to be measured. */
  values: (number | null)[];
}

/**
 * The rows of `day` and `split` as a series for each value of `split`: the `MOST_SERIES` largest, the rest as one
 * (without a name). Without `split`: one series.
 */
export function seriesOf(rows: readonly UsageRow[], split: Exclude<Dimension, "day"> | undefined, measure: Measure, days: readonly string[]): Series[] {
  const groups = new Map<string | null | undefined, UsageRow[]>();
  for (const row of rows) {
    const name = split ? row[split] : undefined;
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  const sizes = [...groups].map(([name, of]) => ({ name, of, size: valueOf(totalOf(of), stacks(measure) ? measure : "requests") ?? 0 }));
  sizes.sort((a, b) => b.size - a.size);
  const shown = sizes.length > MOST_SERIES ? sizes.slice(0, MOST_SERIES - 1) : sizes;
  const others = sizes.slice(shown.length).flatMap(({ of }) => of);
  const all = [...shown, ...(others.length > 0 ? [{ name: undefined, of: others }] : [])];
  return all.map(({ name, of }) => ({ name, values: perDay(of, measure, days) }));
}

/** Series put on top of one another: of each the upper edge. What is not there counts as nothing. */
export function stacked(series: readonly Series[]): number[][] {
  const below: number[] = [];
  return series.map(({ values }) => values.map((value, index) => (below[index] = (below[index] ?? 0) + (value ?? 0))));
}

function perDay(rows: readonly UsageRow[], measure: Measure, days: readonly string[]): (number | null)[] {
  return days.map((day) => {
    const there = rows.filter((row) => row.day === day);
    return there.length > 0 ? valueOf(totalOf(there), measure) : null;
  });
}

/** In which order rows are shown: days from the latest, all else from the largest. */
export function sorted(rows: readonly UsageRow[], by: Dimension | Measure, down: boolean): UsageRow[] {
  const isName = (DIMENSIONS as readonly string[]).includes(by);
  const compare = (a: UsageRow, b: UsageRow) =>
    isName
      ? (a[by as Dimension] ?? "").localeCompare(b[by as Dimension] ?? "")
      : (valueOf(a, by as Measure) ?? -1) - (valueOf(b, by as Measure) ?? -1);
  return rows.toSorted((a, b) => (down ? compare(b, a) : compare(a, b)));
}

const COLUMNS = Object.keys(NOTHING) as (keyof Sum)[];

/** As a table for spreadsheets: with a head, all figures, and only the names that rows are told apart by. */
export function csvOf(rows: readonly UsageRow[], group: readonly Dimension[]): string {
  const lines = rows.map((row) => [...group.map((name) => cell(row[name])), ...COLUMNS.map((name) => String(row[name]))]);
  return [[...group, ...COLUMNS], ...lines].map((line) => `${line.join(",")}\r\n`).join("");
}

/** RFC 4180; and what a spreadsheet would take for a formula begins with a quote, since clients choose names of models. */
function cell(value: string | null): string {
  const safe = value !== null && /^[=+\-@\t\r]/.test(value) ? `'${value}` : (value ?? "");
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
