import "fake-indexeddb/auto";

import { beforeEach, describe, expect, it } from "vitest";

import { allTasks, blobOf, db, forget, keep, keepTask, markInterrupted, setFavourite } from "./db";
import { DEFAULT_PARAMS } from "./params";
import { type Asked, newTask, next, type Picture } from "./task";

const ASKED: Asked = { prompt: "p", mode: "images", model: "m", params: DEFAULT_PARAMS, references: [], mask: null, profile: { id: "here", name: "", baseUrl: "" } };

beforeEach(async () => {
  await Promise.all([db.tasks.clear(), db.blobs.clear()]);
});

async function made(id: string, results: Picture[], at: number): Promise<void> {
  await keepTask({ ...newTask(id, ASKED, at), status: "done", results });
}

describe("the history", () => {
  it("keeps the same bytes once, and forgets them with the last task that has them", async () => {
    const one = await keep(new Blob(["same"], { type: "image/png" }));
    const two = await keep(new Blob(["same"], { type: "image/png" }));
    expect(two.hash).toBe(one.hash);
    expect(await db.blobs.count()).toBe(1);
    await made("a", [one], 1);
    await made("b", [two], 2);
    await forget(["a"]);
    expect(await (await blobOf(one.hash))?.text()).toBe("same");
    await forget(["b"]);
    expect(await blobOf(one.hash)).toBeUndefined();
  });

  it("leaves what the composer still holds", async () => {
    const picture = await keep(new Blob(["held"]));
    await made("a", [picture], 1);
    await forget(["a"], [picture.hash]);
    expect(await db.blobs.count()).toBe(1);
  });

  it("sweeps what belongs to nobody, once it is old", async () => {
    await keep(new Blob(["old"]), 0);
    await keep(new Blob(["new"]), 9_000_000);
    await forget([], [], 9_000_001);
    expect(await db.blobs.count()).toBe(1);
  });

  it("is newest first, without previews, and marks what ran when its page went away", async () => {
    await made("a", [], 1);
    const running = next(next(newTask("b", ASKED, 2), { type: "started", at: 3 }), { type: "preview", at: 5, preview: { index: 0, blob: new Blob(["x"]) } });
    await keepTask(running);
    await keepTask({ ...newTask("c", ASKED, 9), status: "streaming" });
    expect((await allTasks()).map((task) => [task.id, task.previews])).toEqual([["c", []], ["b", []], ["a", []]]);
    expect(await markInterrupted((id) => id === "c")).toBe(1);
    expect((await allTasks()).map((task) => [task.id, task.status, task.endedAt])).toEqual([["c", "streaming", null], ["b", "interrupted", 5], ["a", "done", null]]);
  });

  it("marks favourites", async () => {
    await made("a", [], 1);
    await setFavourite(["a"], true);
    expect((await allTasks())[0]?.favourite).toBe(true);
  });
});
