import { expect, test } from "vitest";

import { match, type Shortcut } from "./shortcuts";

const made = (...keys: string[]): Shortcut => ({ keys, label: keys.join(" "), run: () => undefined });

const go = made("g", "o");
const other = made("o");
const all = [go, made("g", "k"), other];

test("one key, or two in a row", () => {
  expect(match(all, "", "o")).toBe(other);
  expect(match(all, "", "g")).toBe("wait");
  expect(match(all, "g", "o")).toBe(go);
});

test("what does not follow stands for itself", () => {
  expect(match(all, "x", "o")).toBe(other);
  expect(match(all, "g", "g")).toBe("wait");
  expect(match(all, "g", "x")).toBeUndefined();
});

test("a page's own key, which is listed later, wins", () => {
  const own = made("o");
  expect(match([...all, own], "", "o")).toBe(own);
});
