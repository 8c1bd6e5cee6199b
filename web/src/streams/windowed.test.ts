import { expect, it } from "vitest";

import { windowOf } from "./windowed";

const LIST = { rowHeight: 30, height: 300 };

it("has the rows that are seen, and some around", () => {
  expect(windowOf({ ...LIST, rows: 20_000, top: 30_000 })).toEqual({ from: 988, to: 1022 });
});

it("begins and ends where the list does", () => {
  expect(windowOf({ ...LIST, rows: 5, top: 0 })).toEqual({ from: 0, to: 5 });
  expect(windowOf({ ...LIST, rows: 0, top: 0 })).toEqual({ from: 0, to: 0 });
});

it("has something even where a list has become shorter than it was scrolled", () => {
  const { from, to } = windowOf({ ...LIST, rows: 40, top: 90_000 });
  expect(from).toBeLessThan(to);
  expect(to).toBe(40);
});
