import "fake-indexeddb/auto";

import { beforeEach, describe, expect, it } from "vitest";

import { newAnswer } from "./answer";
import { forget, forgetAll, heads, isAbout, keep, load, rename } from "./db";
import { readDefaults } from "./defaults";
import { EMPTY, withTurn } from "./tree";
import { type Conversation, NO_SETTINGS } from "./types";

function conversation(id: string, updated: number): Conversation {
  const asked = withTurn(EMPTY, { id: "q", parent: null, at: 0, role: "user", text: `Question ${id}`, pictures: [] });
  const running = withTurn(asked, { id: "a", parent: "q", at: 0, role: "assistant", dialect: "chat", asked: "m", answer: newAnswer() });
  return { id, title: `Title ${id}`, updated, settings: NO_SETTINGS, lanes: [{ id: "l", dialect: "chat", model: "m", tree: running }] };
}

beforeEach(forgetAll);

describe("the history", () => {
  it("lists the latest first, with what a search looks into", async () => {
    await keep(conversation("A", 1));
    await keep(conversation("B", 2));
    expect((await heads()).map((head) => head.id)).toEqual(["B", "A"]);
    expect((await heads())[0]).toMatchObject({ title: "Title B", models: ["m"], words: "title b\nquestion b\n" });
  });

  it("gives a conversation back, with an answer that was still coming as lost", async () => {
    await keep(conversation("A", 1));
    const turns = (await load("A"))?.lanes[0]?.tree.turns;
    expect(turns?.[1]).toMatchObject({ role: "assistant", answer: { status: "lost" } });
    expect(await load("B")).toBeUndefined();
  });

  it("gives a conversation another name, and leaves it in its place", async () => {
    await keep(conversation("A", 1));
    await keep(conversation("B", 2));
    await rename("A", "Sluices");
    expect((await heads()).map((head) => head.title)).toEqual(["Title B", "Sluices"]);
    expect((await heads())[1]?.words).toBe("sluices\nquestion a\n");
    expect(await load("A")).toMatchObject({ title: "Sluices", updated: 1 });
    await rename("C", "Nobody");
    expect(await load("C")).toBeUndefined();
  });

  it("is searched for all words, in any order and case, wherever they were said", async () => {
    await keep(conversation("A", 1));
    const [head] = await heads();
    for (const wanted of ["", "TITLE", "question title", "a  quest"]) expect(head && isAbout(head, wanted)).toBe(true);
    for (const wanted of ["b", "title b"]) expect(head && isAbout(head, wanted)).toBe(false);
  });

  it("forgets", async () => {
    await keep(conversation("A", 1));
    await forget("A");
    expect(await heads()).toEqual([]);
    expect(await load("A")).toBeUndefined();
  });
});

describe("what a new conversation begins with", () => {
  it("is read from whatever was kept", () => {
    const usual = { dialect: "chat", model: "", settings: NO_SETTINGS };
    for (const found of [undefined, 7, {}, { dialect: "smoke", model: 3, settings: { effort: "much", tools: [1] } }]) {
      expect(readDefaults(found)).toEqual(usual);
    }
    const kept = { dialect: "messages", model: "m", settings: { ...NO_SETTINGS, effort: "low", maxTokens: 5, tools: [{ name: "t", description: "", schema: "{}" }] } };
    expect(readDefaults(kept)).toEqual(kept);
  });
});
