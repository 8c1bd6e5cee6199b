import { describe, expect, it } from "vitest";

import { ANY, type Filters, fromLocal, hiddenCount, isAny, queryOf, readFilters, toLocal, writeFilters } from "./filters";

describe("the address", () => {
  it("holds what is wanted, and gives it back", () => {
    const filters: Filters = { ...ANY, text: "req_1", outcome: "bad", key: "a & b", slow_s: 2.5, span: "24h", kind: "json" };
    expect(readFilters(new URLSearchParams(writeFilters(filters).toString()))).toEqual(filters);
  });

  it("is empty where anything is wanted", () => {
    expect(writeFilters(ANY).toString()).toBe("");
    expect(isAny(readFilters(new URLSearchParams("")))).toBe(true);
  });

  it("is not believed", () => {
    expect(readFilters(new URLSearchParams("outcome=great&span=1y&slow_s=-3&kind=x&since=abc"))).toEqual(ANY);
  });

  it("has moments only where they count", () => {
    expect(writeFilters({ ...ANY, span: "1h", since: 5, until: 6 }).toString()).toBe("span=1h");
    expect(writeFilters({ ...ANY, span: "own", since: 5 }).toString()).toBe("span=own&since=5");
  });
});

describe("the question", () => {
  it("has only what is wanted", () => {
    expect(queryOf(ANY, 1000)).toEqual({});
    expect(queryOf({ ...ANY, model: "gpt-*", kind: "stream", slow_s: 2 }, 1000)).toEqual({
      model: "gpt-*",
      stream: true,
      min_first_event_ms: 2000,
    });
  });

  it("counts spans back from now", () => {
    expect(queryOf({ ...ANY, span: "1h" }, 10_000.7)).toEqual({ since: 6400 });
    expect(queryOf({ ...ANY, span: "own", until: 7 }, 10_000)).toEqual({ until: 7 });
  });

  it("asks for everything that went wrong, or for one outcome", () => {
    expect(queryOf({ ...ANY, outcome: "bad" }, 0)).toEqual({ failed: true });
    expect(queryOf({ ...ANY, outcome: "truncated" }, 0)).toEqual({ outcome: "truncated" });
  });
});

it("counts the filters that are folded away", () => {
  expect(hiddenCount({ ...ANY, key: "a", dialect: "chat", text: "x" })).toBe(2);
});

it("moments survive the browser's field, to the minute", () => {
  expect(fromLocal(toLocal(1_800_000_060))).toBe(1_800_000_060);
  expect([toLocal(0), fromLocal("")]).toEqual(["", 0]);
});
