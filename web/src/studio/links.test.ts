import "fake-indexeddb/auto";

import { beforeEach, describe, expect, it } from "vitest";

import { pack, unpack } from "./archive";
import { nameFor } from "./archiveFiles";
import { allTasks, blobOf, db, keep, keepTask } from "./db";
import { found } from "./filter";
import { DEFAULT_PARAMS } from "./params";
import { fromBase64 } from "./pictures";
import { type Asked, newTask, type Task } from "./task";
import { readUrlSettings } from "./urlSettings";
import { suggest } from "./useModels";

const ASKED: Asked = { prompt: "A heron, at dawn", mode: "images", model: "m", params: DEFAULT_PARAMS, references: [], mask: null, profile: { id: "here", name: "", baseUrl: "" } };
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

describe("settings in an address", () => {
  it("are read from the query and the hash, which comes first", () => {
    expect(readUrlSettings("?prompt=a&size=1024x1024", "#prompt=b&n=3&stream=off&partials=0")).toEqual({
      prompt: "b",
      count: 3,
      params: { size: "1024x1024", stream: false, partials: 0 },
    });
  });

  it("are none where nothing is said, or nothing that makes sense", () => {
    expect(readUrlSettings("", "")).toBeUndefined();
    expect(readUrlSettings("?size=huge&n=99&partials=7&quality=", "")).toBeUndefined();
  });
});

describe("finding", () => {
  const task = (id: string, part: Partial<Task>): Task => ({ ...newTask(id, ASKED, 1), status: "done", ...part });
  const all = [task("a", {}), task("b", { favourite: true, revisedPrompt: "an egret" }), task("c", { status: "failed" }), task("d", { status: "streaming" })];
  const ids = (words: string, filter: Parameters<typeof found>[2]) => found(all, words, filter).map((one) => one.id);

  it("wants every word, wherever it stands", () => {
    expect(ids("DAWN heron", "all")).toEqual(["a", "b", "c", "d"]);
    expect(ids("dawn egret", "all")).toEqual(["b"]);
    expect(ids("owl", "all")).toEqual([]);
  });

  it("knows favourites, and what failed, which is nothing that still runs", () => {
    expect(ids("", "favourites")).toEqual(["b"]);
    expect(ids("", "failed")).toEqual(["c"]);
  });
});

describe("an archive", () => {
  beforeEach(async () => {
    await Promise.all([db.tasks.clear(), db.blobs.clear()]);
  });

  it("gives back tasks and pictures, and adds none that are there", async () => {
    const picture = await keep(fromBase64(PIXEL));
    await keepTask({ ...newTask("a", { ...ASKED, references: [picture] }, Date.UTC(2026, 0)), status: "done", results: [picture], revisedPrompt: "r", favourite: true });
    const before = await allTasks();
    const archive = await pack(before);
    await Promise.all([db.tasks.clear(), db.blobs.clear()]);
    expect(await unpack(archive, new Set())).toEqual({ tasks: 1, missing: 0 });
    expect(await allTasks()).toEqual(before);
    expect((await blobOf(picture.hash))?.type).toBe("image/png");
    expect(await unpack(archive, new Set(["a"]))).toEqual({ tasks: 0, missing: 0 });
  });

  it("of another kind is refused", async () => {
    await expect(unpack(new Uint8Array([1, 2, 3]), new Set())).rejects.toThrow();
  });

  it("names a picture by its prompt", () => {
    expect(nameFor({ asked: ASKED, createdAt: 0, position: 2, of: 3 })).toMatch(/^a-heron-at-dawn-\d{8}-\d{4}-2$/);
  });
});

it("proposes a model that suits the API", () => {
  const names = ["gpt-5", "gpt-image-2", "text-embedding-3"];
  expect(suggest(names, "images")).toEqual({ names: ["gpt-image-2", "gpt-5", "text-embedding-3"], proposed: "gpt-image-2" });
  expect(suggest(names, "responses").proposed).toBe("gpt-5");
  expect(suggest([], "images").proposed).not.toBe("");
});
