import { describe, expect, it } from "vitest";

import { DEFAULT_PROFILE, type Profile, type Profiles } from "@/lib/profiles";

import { decide, isOpen, linkOf, readOffer, tidyAddress, withoutOffer } from "./urlSettings";

const HERE = "https://gateway.example.com";
const OTHER: Profile = { id: "o", name: "Other", baseUrl: "https://other.example/v1/", apiKey: "sk-mine", mode: "images", model: "m" };

function known(...more: Profile[]): Profiles {
  return { list: [DEFAULT_PROFILE, ...more], current: DEFAULT_PROFILE.id };
}

function offered(hash: string, all = known(OTHER)) {
  const offer = readOffer("", hash, HERE);
  if (!offer) throw new Error("nothing is offered");
  return decide(offer, all, "new");
}

describe("an address", () => {
  it("offers what stands in its query or its hash, under any of its names", () => {
    const offer = { name: "", baseUrl: "https://a.example/v1", invalid: false, apiKey: "sk-1", mode: "responses", model: "gpt" };
    expect(readOffer("", "#baseUrl=https://a.example/v1/&apiKey=sk-1&mode=responses&model=gpt", HERE)).toEqual(offer);
    expect(readOffer("?apiUrl=https://a.example/v1&apiKey=sk-1&apiMode=responses&model=gpt", "", HERE)).toEqual(offer);
    expect(readOffer("?base_url=https://a.example/v1&key=sk-1&api_mode=responses&model=gpt", "", HERE)).toEqual(offer);
  });

  it("offers nothing where there is nothing of ours in it", () => {
    expect(readOffer("?prompt=a+cat&mode=strange", "#top", HERE)).toBeUndefined();
  });

  it("loses what was read, and keeps the rest", () => {
    expect(withoutOffer("?prompt=a&apiKey=sk", "#model=m&x=1")).toEqual({ search: "?prompt=a", hash: "#x=1" });
    expect(withoutOffer("?apiKey=sk", "")).toEqual({ search: "", hash: "" });
  });

  it("is invalid where it hides its host, or is none of the web", () => {
    for (const text of ["https://good.example@evil.example/v1", "javascript:alert(1)", "nonsense", "ftp://a.example"]) {
      expect(readOffer("", `#${new URLSearchParams({ baseUrl: text }).toString()}`, HERE)?.invalid).toBe(true);
    }
  });

  it("has one form", () => {
    expect(tidyAddress(" HTTPS://A.example/v1//?x=1 ")).toBe("https://a.example/v1");
  });
});

describe("the user is asked", () => {
  it("before an address that is not known", () => {
    const { profile, ask } = offered("#baseUrl=https://evil.example/v1&model=x");
    expect([ask, profile.id, profile.baseUrl, profile.name]).toEqual([true, "new", "https://evil.example/v1", "evil.example"]);
  });

  it("before a key that is not known, wherever it goes", () => {
    expect(offered("#apiKey=sk-theirs").ask).toBe(true);
    expect(offered("#baseUrl=https://other.example/v1&apiKey=sk-theirs")).toMatchObject({ ask: true, profile: { id: "new" } });
  });

  it("not for a mode or a model alone", () => {
    expect(offered("#model=x&mode=responses")).toEqual({ ask: false, profile: { ...DEFAULT_PROFILE, model: "x", mode: "responses" } });
  });

  it("not for a mode alone, in which another mode's model is of no use", () => {
    expect(offered("#mode=responses", { list: [DEFAULT_PROFILE, OTHER], current: OTHER.id }).profile).toEqual({ ...OTHER, mode: "responses", model: "" });
  });

  it("not for what is known", () => {
    expect(offered("#baseUrl=https://other.example/v1&model=x")).toEqual({ ask: false, profile: { ...OTHER, model: "x" } });
  });

  it("not for this gateway", () => {
    expect(offered(`#baseUrl=${HERE}/v1&model=x`).ask).toBe(false);
  });
});

describe("a key that is known", () => {
  it("never goes to an address that a link names", () => {
    const all = known({ ...OTHER, baseUrl: "" });
    expect(offered("#baseUrl=https://evil.example/v1", all).profile.apiKey).toBe("");
    expect(offered("#baseUrl=https://other.example.evil/v1").profile.apiKey).toBe("");
  });
});

describe("a link", () => {
  it("offers the profile it was made of", () => {
    const link = new URL(linkOf(OTHER, HERE, true));
    expect(link.search).toBe("");
    expect(readOffer("", link.hash, HERE)).toMatchObject({ name: "Other", baseUrl: "https://other.example/v1", apiKey: "sk-mine", model: "m" });
  });

  it("has no key unless it is wanted", () => {
    expect(linkOf(OTHER, HERE, false)).not.toContain("sk-mine");
  });
});

it("says what can be read on the way", () => {
  expect(["http://a.example/v1", "http://localhost:1/v1", "http://127.0.0.1/v1", "https://a.example"].map(isOpen)).toEqual([true, false, false, false]);
});
