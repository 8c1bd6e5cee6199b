import { describe, expect, it } from "vitest";

import { newAnswer } from "./answer";
import { beside, choose, EMPTY, isRunning, pathOf, pathTo, restored, withAnswer, withTurn } from "./tree";
import type { Tree, Turn } from "./types";

const user = (id: string, parent: string | null): Turn => ({ id, parent, at: 0, role: "user", text: id, pictures: [] });
const answer = (id: string, parent: string): Turn => ({ id, parent, at: 0, role: "assistant", dialect: "chat", asked: "m", answer: newAnswer() });
const ids = (turns: Turn[]) => turns.map((turn) => turn.id).join(" ");

const plain: Tree = [user("q1", null), answer("a1", "q1"), user("q2", "a1"), answer("a2", "q2")].reduce(withTurn, EMPTY);

describe("a conversation", () => {
  it("is a path of turns", () => {
    expect(ids(pathOf(plain))).toBe("q1 a1 q2 a2");
    expect(ids(pathTo(plain, "q2"))).toBe("q1 a1 q2");
    expect(pathOf(EMPTY)).toEqual([]);
  });

  it("branches at an edited question, and goes back", () => {
    const edited = withTurn(withTurn(plain, user("q1b", null)), answer("a1b", "q1b"));
    expect(ids(pathOf(edited))).toBe("q1b a1b");
    expect(ids(beside(edited, "q1"))).toBe("q1 q1b");
    expect(ids(pathOf(choose(edited, "q1")))).toBe("q1 a1 q2 a2");
  });

  it("branches at an answer asked for again, and remembers the branches further down", () => {
    const again = withTurn(plain, answer("a1b", "q1"));
    expect(ids(pathOf(again))).toBe("q1 a1b");
    expect(ids(pathTo(again, "q2"))).toBe("q1 a1 q2");
    expect(ids(pathOf(choose(again, "a1")))).toBe("q1 a1 q2 a2");
  });

  it("changes only the answer it is told to", () => {
    const changed = withAnswer(plain, "a2", (one) => ({ ...one, status: "done" }));
    expect(pathOf(changed)[1]).toBe(pathOf(plain)[1]);
    expect(isRunning(changed)).toBe(true);
  });

  it("comes back with nothing running", () => {
    const back = restored(withAnswer(plain, "a1", (one) => ({ ...one, status: "done" })));
    expect(isRunning(back)).toBe(false);
    expect(pathOf(back).map((turn) => turn.role === "assistant" && turn.answer.status)).toEqual([false, "done", false, "lost"]);
  });
});
