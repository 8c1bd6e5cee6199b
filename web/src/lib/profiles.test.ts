import { expect, test } from "vitest";

import { currentProfile, DEFAULT_PROFILE, endpoint, readProfiles } from "./profiles";

test("without any there is this gateway", () => {
  for (const found of [undefined, null, 3, {}, { list: "x" }, { list: [{ id: 1 }] }]) {
    expect(readProfiles(found)).toEqual({ list: [DEFAULT_PROFILE], current: "here" });
  }
  expect(endpoint(DEFAULT_PROFILE, "/models")).toEqual({ url: "/v1/models", headers: {} });
});

test("what was kept is read, whatever else stands there", () => {
  const other = { id: "a", name: "A", baseUrl: "https://x.example/v1/ ", apiKey: "sk", mode: "responses", model: "m" };
  const all = readProfiles({ list: [{ ...other, more: 1 }, "no", { id: "b", mode: "odd" }], current: "a" });
  expect(all.list.map((one) => one.id)).toEqual(["here", "a", "b"]);
  expect(all.list[2]).toEqual({ ...DEFAULT_PROFILE, id: "b" });
  expect(currentProfile(all)).toEqual(other);
});

test("one that is gone is not in use", () => {
  expect(readProfiles({ list: [], current: "gone" }).current).toBe("here");
});

test("an address ends in no slash, and a key goes along", () => {
  const profile = { ...DEFAULT_PROFILE, baseUrl: " https://x.example/v1// ", apiKey: "sk-1" };
  expect(endpoint(profile, "/chat/completions")).toEqual({
    url: "https://x.example/v1/chat/completions",
    headers: { authorization: "Bearer sk-1" },
  });
});
