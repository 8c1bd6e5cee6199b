import "fake-indexeddb/auto";

import Dexie from "dexie";
import { expect, it } from "vitest";

import { listDatabases, removeDatabase } from "./databases";

it("databases of the console are counted and removed, and those of others left alone", async () => {
  for (const name of ["sluiceway-chat", "other"]) {
    const database = new Dexie(name);
    database.version(1).stores({ things: "++id", more: "++id" });
    await database.table("things").bulkAdd([{}, {}]);
    database.close();
  }
  expect(await listDatabases()).toEqual([{ name: "sluiceway-chat", tables: { things: 2, more: 0 } }]);
  await removeDatabase("sluiceway-chat");
  expect(await listDatabases()).toEqual([]);
  expect((await indexedDB.databases()).map(({ name }) => name)).toEqual(["other"]);
});
