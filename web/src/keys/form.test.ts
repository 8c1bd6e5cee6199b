import { describe, expect, it } from "vitest";

import { ApiError, type Key } from "@/lib/api";

import { bodyOf, changesOf, faultsOf, formOf, isComplete, isDay } from "./form";

describe("the body that makes a key", () => {
  it("is the name alone where nothing else was said", () => {
    expect(bodyOf({ ...formOf(), name: " alice " })).toEqual({ name: "alice" });
  });

  it("has what was said, tidied", () => {
    const form = { ...formOf(), name: "a", models: [" gpt-* ", "", "gpt-*"], owner: " team ", cost_per_day: 2.5, capture: true };
    expect(bodyOf(form)).toEqual({ name: "a", models: ["gpt-*"], owner: "team", cost_per_day: 2.5, capture: true });
  });

  it("names dialects in one order, whichever was chosen first", () => {
    expect(bodyOf({ ...formOf(), name: "a", dialects: ["images", "chat"] }).dialects).toEqual(["chat", "images"]);
  });
});

describe("the body that changes a key", () => {
  const key = { name: "a", settings: { ...formOf(), owner: "x", models: ["m"], requests_per_minute: 5 } } as unknown as Key;

  it("is empty where nothing differs", () => {
    expect(changesOf(formOf(key), formOf(key))).toEqual({});
  });

  it("has only what differs, and says what is taken away", () => {
    const form = { ...formOf(key), owner: "", models: [], requests_per_minute: 0, priority: 3 };
    expect(changesOf(formOf(key), form)).toEqual({ owner: "", models: [], requests_per_minute: 0, priority: 3 });
  });
});

describe("an error of the gateway", () => {
  it("belongs to the field that it names", () => {
    const error = new ApiError({ message: "body.allowed_ips[0]: is no address\n    as 10.0.0.7", param: "allowed_ips[0]" });
    expect(faultsOf(error)).toEqual({ allowed_ips: "is no address as 10.0.0.7" });
  });

  it("belongs to the whole where it names none, or one that is not in the form", () => {
    expect(faultsOf(new ApiError({ message: "no" }))).toEqual({});
    expect(faultsOf(new ApiError({ message: "no", param: "constructor" }))).toEqual({});
  });
});

it("a form is complete with a name", () => {
  expect(isComplete({ ...formOf(), name: " " })).toBe(false);
  expect(isComplete({ ...formOf(), name: "a" })).toBe(true);
});

it("tells a day from a moment", () => {
  expect([isDay(""), isDay("2027-01-31"), isDay("2027-01-31T12:00:00Z")]).toEqual([true, true, false]);
});
