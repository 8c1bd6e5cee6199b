/** Sums of days as bars of a chart, one on top of the other. Pure. */

import type { UsageRow } from "@/lib/api";
import { stacked } from "@/usage/sums";

export interface DaySeries {
  /** Of each part one for each day; null where there was nothing. */
  values: (number | null)[][];
  /** The upper edges of the bars. */
  edges: number[][];
}

export interface Days {
  requests: number;
  /** Errors, and the rest. */
  errors: DaySeries;
  /** Input and output, as upstreams counted them. */
  tokens: DaySeries;
  cost: DaySeries;
}

/** `rows`: one for each day on which there was something. */
export function daySeries(rows: readonly UsageRow[], days: readonly string[]): Days {
  const of = new Map(rows.map((row) => [row.day, row]));
  const parts = (...measures: ((row: UsageRow) => number)[]): DaySeries => {
    const values = measures.map((measure) =>
      days.map((day) => {
        const row = of.get(day);
        return row === undefined ? null : measure(row);
      }),
    );
    return { values, edges: stacked(values.map((one) => ({ name: undefined, values: one }))) };
  };
  return {
    requests: rows.reduce((sum, row) => sum + row.requests, 0),
    errors: parts(
      (row) => row.errors,
      (row) => row.requests - row.errors,
    ),
    tokens: parts(
      (row) => row.input_tokens,
      (row) => row.output_tokens,
    ),
    cost: parts((row) => row.cost),
  };
}
