/** What went on in the last minutes, sampled once a second: for charts that move. Pure. */

import type { Table } from "@/streams/table";
import { isBroken, isRunning } from "@/streams/table";

export interface Sample {
  atS: number;
  running: number;
  /** Events that came per second since the sample before. */
  eventsPerS: number;
  /** How many had come in all, to count from. */
  events: number;
}

/** Five minutes. */
export const MOST = 300;

/** One more. After a pause, as when the page was not seen, the line is not drawn through: there is nothing known. */
export function sampled(samples: readonly Sample[], table: Table, atS: number): readonly Sample[] {
  const last = samples.at(-1);
  const passed = last === undefined ? 0 : atS - last.atS;
  let running = 0;
  for (const { stream } of table.rows.values()) if (isRunning(stream)) running += 1;
  const eventsPerS = last !== undefined && passed > 0 ? Math.max(0, table.events - last.events) / passed : 0;
  return [...samples, { atS, running, eventsPerS, events: table.events }].slice(-MOST);
}

export interface Dots {
  xs: number[];
  fine: (number | null)[];
  broken: (number | null)[];
}

/** When each request that is over had its first event, by when it began; for a chart whose y is logarithmic. */
export function firstEvents(table: Table, sinceS: number): Dots {
  const seen = [...table.rows.values()]
    .map((row) => row.stream)
    .filter((stream) => stream.first_event_ms !== null && stream.started >= sinceS)
    .sort((a, b) => a.started - b.started);
  const ms = (value: number | null) => Math.max(1, value ?? 1);
  return {
    xs: seen.map((stream) => stream.started),
    fine: seen.map((stream) => (isBroken(stream) ? null : ms(stream.first_event_ms))),
    broken: seen.map((stream) => (isBroken(stream) ? ms(stream.first_event_ms) : null)),
  };
}
