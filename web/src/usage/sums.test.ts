import { describe, expect, it } from "vitest";

import type { UsageRow } from "@/lib/api";

import { csvOf, dayOf, daysBetween, lastDays, MOST_SERIES, seriesOf, sorted, stacked, totalOf, valueOf } from "./sums";

function row(more: Partial<UsageRow>): UsageRow {
  return { ...totalOf([]), day: null, key: null, model: null, upstream: null, ...more };
}

describe("days", () => {
  it("are those of UTC, today included", () => {
    const now = Date.UTC(2027, 2, 2, 23, 30);
    expect(dayOf(now)).toBe("2027-03-02");
    expect(lastDays(3, now)).toEqual({ since: "2027-02-28", until: "2027-03-02" });
    expect(daysBetween("2027-02-28", "2027-03-02")).toEqual(["2027-02-28", "2027-03-01", "2027-03-02"]);
  });

  it("are none where the last is before the first, or one is no day", () => {
    expect([daysBetween("2027-03-02", "2027-03-01"), daysBetween("", "2027-03-01")]).toEqual([[], []]);
  });
});

describe("figures", () => {
  it("never count estimated tokens among those that were counted", () => {
    const total = totalOf([row({ input_tokens: 3, output_tokens: 4 }), row({ estimated_total_tokens: 100, estimated: 1 })]);
    expect(valueOf(total, "tokens")).toBe(7);
    expect(total.estimated_total_tokens).toBe(100);
  });

  it("have a mean of those alone that had a first event", () => {
    expect(valueOf(row({ requests: 9, first_events: 2, first_event_ms: 500 }), "firstEvent")).toBe(250);
    expect(valueOf(row({ requests: 9 }), "firstEvent")).toBeNull();
  });
});

describe("series", () => {
  const days = ["2027-01-01", "2027-01-02"];

  it("are one for each name, the largest first, with what no name has", () => {
    const rows = [
      row({ day: days[0] ?? null, key: "a", requests: 1 }),
      row({ day: days[1] ?? null, key: "b", requests: 5 }),
      row({ day: days[1] ?? null, key: null, requests: 2 }),
    ];
    expect(seriesOf(rows, "key", "requests", days)).toEqual([
      { name: "b", values: [null, 5] },
      { name: null, values: [null, 2] },
      { name: "a", values: [1, null] },
    ]);
  });

  it("are never more than can be told apart, and lose nothing", () => {
    const rows = Array.from({ length: 9 }, (_, index) => row({ day: "2027-01-01", model: `m${index}`, requests: index + 1 }));
    const series = seriesOf(rows, "model", "requests", days);
    expect(series).toHaveLength(MOST_SERIES);
    expect(series.at(-1)).toEqual({ name: undefined, values: [1 + 2 + 3 + 4, null] });
  });

  it("stack to the sum", () => {
    expect(stacked([{ name: "a", values: [1, null] }, { name: "b", values: [2, 3] }])).toEqual([[1, 0], [3, 3]]);
  });
});

it("rows are sorted by names and by figures", () => {
  const rows = [row({ model: "b", cost: 1 }), row({ model: "a", cost: 3 }), row({ model: null, cost: 2 })];
  expect(sorted(rows, "model", false).map((one) => one.model)).toEqual([null, "a", "b"]);
  expect(sorted(rows, "cost", true).map((one) => one.cost)).toEqual([3, 2, 1]);
});

it("a table for spreadsheets has no formulas, and quotes what has to be", () => {
  const text = csvOf([row({ model: '=cmd|"x",', requests: 2 }), row({ model: null })], ["model"]);
  const [head, first, second] = text.split("\r\n");
  expect(head?.startsWith("model,requests,errors,counted,")).toBe(true);
  expect(first?.startsWith(`"'=cmd|""x"",",2,0,`)).toBe(true);
  expect(second?.startsWith(",0,0,")).toBe(true);
});
