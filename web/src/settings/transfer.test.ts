import { describe, expect, it } from "vitest";

import { DEFAULT_PROFILE, type Profile } from "@/lib/profiles";

import { exportText, importText } from "./transfer";

const OTHER: Profile = { id: "o", name: "Other", baseUrl: "https://other.example/v1", apiKey: "sk-mine", mode: "responses", model: "m" };

function ids(): () => string {
  let count = 0;
  return () => `n${++count}`;
}

describe("a file of profiles", () => {
  it("gives back what was put in, under other ids, and nothing twice", () => {
    const text = exportText([DEFAULT_PROFILE, OTHER, { ...OTHER, id: "p" }], true);
    expect(importText(text, [DEFAULT_PROFILE], ids())).toEqual([{ ...OTHER, id: "n2" }]);
    expect(importText(text, [DEFAULT_PROFILE, OTHER], ids())).toEqual([]);
  });

  it("has no keys unless they are wanted", () => {
    expect(exportText([OTHER], false)).not.toContain("sk-mine");
  });

  it("is told from others", () => {
    for (const text of ["", "[]", "{}", '{"sluiceway": 2, "profiles": []}', "no JSON"]) expect(importText(text, [], ids())).toBeUndefined();
  });

  it("may hold anything", () => {
    const profiles = [null, 7, { name: 3 }, { baseUrl: "javascript:x", name: "bad" }, { name: "ok", mode: "strange" }];
    const read = importText(JSON.stringify({ sluiceway: 1, profiles }), [], ids());
    expect(read).toEqual([{ id: "n3", name: "ok", baseUrl: "", apiKey: "", mode: "images", model: "" }]);
  });
});
