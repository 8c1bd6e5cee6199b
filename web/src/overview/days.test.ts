import { expect, it } from "vitest";

import type { UsageRow } from "@/lib/api";

import { daySeries } from "./days";

const row = (day: string, of: Partial<UsageRow>) => ({ day, requests: 0, errors: 0, input_tokens: 0, output_tokens: 0, cost: 0, ...of }) as UsageRow;

it("puts each day's parts on top of one another, and knows nothing of days without a row", () => {
  const days = ["2027-01-01", "2027-01-02", "2027-01-03"];
  const found = daySeries(
    [row("2027-01-03", { requests: 5, errors: 2, input_tokens: 10, output_tokens: 30, cost: 0.5 }), row("2027-01-01", { requests: 1 })],
    days,
  );
  expect(found.requests).toBe(6);
  expect(found.errors).toEqual({ values: [[0, null, 2], [1, null, 3]], edges: [[0, 0, 2], [1, 0, 5]] });
  expect(found.tokens.edges).toEqual([[0, 0, 10], [0, 0, 40]]);
  expect(found.cost.values).toEqual([[0, null, 0.5]]);
});

it("says that nothing was asked", () => expect(daySeries([], ["2027-01-01"]).requests).toBe(0));
