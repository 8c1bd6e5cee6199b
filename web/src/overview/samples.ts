/** What went on in the last minutes, sampled once a second: for charts that move. Pure. */

import type { Stream } from "@/lib/api";
import type { Table } from "@/streams/table";
import { isBroken, isRunning } from "@/streams/table";

export interface Sample {
  atS: number;
  /** Null: nobody looked. */
  running: number | null;
  /** Of those, how many wait for a place. */
  waiting: number | null;
  /** Events that came per second since the sample before. */
  eventsPerS: number | null;
  /** How many had come in all, to count from. */
  events: number;
}

/** Five minutes. */
export const MOST = 300;

/** Samples further apart than this have something unknown between them. */
const APART_S = 5;

/** One more. After a pause, as when the page was not seen, the line is not drawn through: there is nothing known. */
export function sampled(samples: readonly Sample[], { table, waiting }: { table: Table; waiting: number }, atS: number): readonly Sample[] {
  const last = samples.at(-1);
  const passed = last === undefined ? 0 : atS - last.atS;
  const isPause = passed > APART_S;
  const hole = last && isPause ? [{ ...last, atS: last.atS + 1, running: null, waiting: null, eventsPerS: null }] : [];
  let running = 0;
  for (const { stream } of table.rows.values()) if (isRunning(stream)) running += 1;
  const eventsPerS = last !== undefined && passed > 0 && !isPause ? Math.max(0, table.events - last.events) / passed : null;
  return [...samples, ...hole, { atS, running, waiting, eventsPerS, events: table.events }].slice(-MOST);
}

export interface Dots {
  xs: number[];
  fine: (number | null)[];
  broken: (number | null)[];
}

/** One measure of each request, by when it began; for a chart whose y is logarithmic. */
export function dotsOf(table: Table, measure: "first_event_ms" | "largest_gap_ms", sinceS: number): Dots {
  const seen = [...table.rows.values()]
    .map((row) => row.stream)
    .filter((stream) => stream[measure] !== null && stream.started >= sinceS)
    .sort((a, b) => a.started - b.started);
  const ms = (stream: Stream) => Math.max(1, stream[measure] ?? 1);
  return {
    xs: seen.map((stream) => stream.started),
    fine: seen.map((stream) => (isBroken(stream) ? null : ms(stream))),
    broken: seen.map((stream) => (isBroken(stream) ? ms(stream) : null)),
  };
}
