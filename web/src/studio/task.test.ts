import { describe, expect, it } from "vitest";

import { DEFAULT_PARAMS } from "./params";
import { type Asked, elapsed, isRunning, latestPreview, newTask, next, type Picture, type Task, type TaskEvent } from "./task";

const ASKED: Asked = {
  prompt: "a weir",
  mode: "images",
  model: "m",
  params: DEFAULT_PARAMS,
  references: [],
  mask: null,
  profile: { id: "here", name: "", baseUrl: "" },
};
const PICTURE: Picture = { hash: "aa", mime: "image/png", bytes: 1, width: 1, height: 1 };
const preview = (index: number, at: number): TaskEvent => ({ type: "preview", at, preview: { index, blob: new Blob([`${index}`]) } });
const after = (...events: TaskEvent[]): Task => events.reduce(next, newTask("t", ASKED, 0));

describe("a task", () => {
  it("is queued, streams with previews, and is done with its picture alone", () => {
    const forming = after({ type: "started", at: 10 }, preview(0, 20), preview(1, 30));
    expect(forming.status).toBe("streaming");
    expect(forming.previews.map((one) => one.index)).toEqual([0, 1]);
    expect(forming.results).toEqual([]);
    const done = [{ type: "result", at: 40, picture: PICTURE } as const, { type: "finished", at: 50 } as const].reduce(next, forming);
    expect(done).toMatchObject({ status: "done", previews: [], results: [PICTURE], partials: 2, firstPictureAt: 20, endedAt: 50 });
  });

  it.each([
    { type: "failed", at: 9, problem: { message: "no" } },
    { type: "cancelled", at: 9 },
    { type: "interrupted", at: 9 },
  ] satisfies TaskEvent[])("has no previews after $type", (end) => {
    const task = after({ type: "started", at: 1 }, preview(0, 2), end);
    expect(task).toMatchObject({ status: end.type, previews: [], endedAt: 9 });
    expect(isRunning(task)).toBe(false);
  });

  it("stays ended, whatever still comes", () => {
    const task = after({ type: "started", at: 1 }, { type: "cancelled", at: 2 });
    expect(next(task, preview(0, 3))).toBe(task);
    expect(next(task, { type: "result", at: 3, picture: PICTURE })).toBe(task);
  });

  it("keeps a picture that came before the stream broke", () => {
    const task = after({ type: "started", at: 1 }, { type: "result", at: 2, picture: PICTURE }, { type: "failed", at: 3, problem: { message: "cut" } });
    expect(task).toMatchObject({ status: "done", results: [PICTURE], problem: { message: "cut" } });
  });

  it("fails when all it got was words", () => {
    const task = after({ type: "started", at: 1 }, { type: "facts", at: 2, words: "I'd rather not." }, { type: "finished", at: 3 });
    expect(task).toMatchObject({ status: "failed", problem: { message: "I'd rather not.", code: "no_picture" } });
  });

  it("counts heartbeats as signs of life and not as pictures", () => {
    const task = after({ type: "started", at: 1 }, { type: "heartbeat", at: 5 }, { type: "heartbeat", at: 9 });
    expect(task).toMatchObject({ heartbeats: 2, lastSignAt: 9, firstPictureAt: null });
  });

  it("does not take its own end for a sign of life", () => {
    const task = after({ type: "started", at: 1 }, { type: "heartbeat", at: 5 }, { type: "failed", at: 65, problem: { message: "cut" } });
    expect(task).toMatchObject({ lastSignAt: 5, endedAt: 65 });
  });

  it("shows the preview that is furthest, in whatever order they came", () => {
    expect(latestPreview(after({ type: "started", at: 1 }, preview(2, 2), preview(1, 3)))?.index).toBe(2);
  });

  it("takes the time from when it was sent, not from when it was queued", () => {
    expect(elapsed(newTask("t", ASKED, 0), 50)).toBeNull();
    expect(elapsed(after({ type: "started", at: 20 }), 50)).toBe(30);
    expect(elapsed(after({ type: "started", at: 20 }, { type: "cancelled", at: 25 }), 50)).toBe(5);
  });

  it("puts what was said about the picture together", () => {
    const task = after(
      { type: "started", at: 1 },
      { type: "result", at: 2, picture: PICTURE, actual: { size: "1x1" }, revisedPrompt: "a great weir" },
      { type: "facts", at: 3, usage: { input: 1, output: 2, total: 3 }, actual: { model: "m-1" } },
      { type: "finished", at: 4 },
    );
    expect(task).toMatchObject({ actual: { size: "1x1", model: "m-1" }, revisedPrompt: "a great weir", usage: { total: 3 } });
  });
});
