import { describe, expect, it } from "vitest";

import type { Key } from "@/lib/api";

import { formOf } from "./form";
import { matching, spentOf, toneOf } from "./use";

function key(name: string, more: Partial<Key> = {}, rules: Partial<Key["settings"]> = {}): Key {
  return {
    name,
    state: "active",
    kept_in: "keys file",
    created: 1,
    revoked: null,
    previous_until: null,
    in_flight: 2,
    use: { requests: 3, tokens: 0, tokens_today: 900, tokens_this_month: 0, cost_today: 1.5, cost_this_month: 0 },
    settings: { ...formOf(), ...rules },
    ...more,
  };
}

describe("what is used", () => {
  it("is told of limits that are set, and of no others", () => {
    const spent = spentOf(key("a", {}, { max_in_flight: 4, tokens_per_day: 1000, cost_per_day: 1 }));
    expect(spent.map(({ limit, share, money }) => [limit, share, money])).toEqual([
      ["max_in_flight", 0.5, false],
      ["tokens_per_day", 0.9, false],
      ["cost_per_day", 1.5, true],
    ]);
  });

  it("is not made up where nobody knows it", () => {
    expect(spentOf(key("a", { use: null }, { tokens_per_day: 1000 }))).toEqual([]);
  });

  it("warns before the end", () => {
    expect([0.79, 0.8, 1].map(toneOf)).toEqual(["good", "warn", "bad"]);
  });
});

it("keys are found by name, owner and model, and by state", () => {
  const keys = [key("alice"), key("bob", { state: "revoked" }, { owner: "Alice & co" }), key("carl", {}, { models: ["gpt-*"] })];
  expect(matching(keys, " ALICE", "all").map((one) => one.name)).toEqual(["alice", "bob"]);
  expect(matching(keys, "alice", "active").map((one) => one.name)).toEqual(["alice"]);
  expect(matching(keys, "gpt", "all").map((one) => one.name)).toEqual(["carl"]);
});
