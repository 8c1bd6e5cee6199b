import { expect, test } from "vitest";

import { formatOf, NONE } from "./format";

const en = formatOf("en");
const zh = formatOf("zh");

test.each([
  [0, "0ms"],
  [0.4, "< 1ms"],
  [840.4, "840ms"],
  [1000, "1s"],
  [2449, "2.4s"],
  [59_940, "59.9s"],
  [59_960, "1m"],
  [60_000, "1m"],
  [185_000, "3m 5s"],
  [3_599_600, "1h"],
  [7_800_000, "2h 10m"],
  [86_400_000, "1d"],
  [180_000_000, "2d 2h"],
])("%d ms lasts %s", (ms, text) => expect(en.duration(ms)).toBe(text));

test.each([
  [0, "0B"],
  [999, "999B"],
  [1000, "1kB"],
  [1_549_000, "1.5MB"],
  [999_950, "1MB"],
  [7.2e15, "7,200TB"],
])("%d bytes are %s", (count, text) => expect(en.bytes(count)).toBe(text));

test("small sums of money are not rounded away", () => {
  expect([0, 0.00042, 0.05, 1.234, 1234.5].map(en.money)).toEqual(["0.00", "0.00042", "0.05", "1.23", "1,234.50"]);
});

test("large counts are short where room is short", () => {
  expect([0, 999, 12_345, 4_200_000].map(en.short)).toEqual(["0", "999", "12.3K", "4.2M"]);
  expect(zh.short(12_345)).toBe("1.2万");
});

test("where there is no figure, there is a dash", () => {
  for (const format of [en.duration, en.bytes, en.count, en.short, en.money, en.percent]) {
    expect([format(null), format(undefined), format(Number.NaN)]).toEqual([NONE, NONE, NONE]);
  }
});

test("how long ago is told in words, in each language", () => {
  const now = 1_800_000_000_000;
  const before = (s: number) => en.relative(now / 1000 - s, now);
  expect([0, 44, 50, 7200, 2 * 86_400, -7200].map(before)).toEqual([
    "now",
    "44 seconds ago",
    "1 minute ago",
    "2 hours ago",
    "2 days ago",
    "in 2 hours",
  ]);
  expect(zh.relative(now / 1000 - 180, now)).toBe("3分钟前");
});
