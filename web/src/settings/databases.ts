/** What the console keeps in this browser: how much, and how it is removed. */

const OURS = /^sluiceway[.-]/;

export interface Kept {
  name: string;
  /** Entries of each of its tables. */
  tables: Record<string, number>;
}

export interface Room {
  /** Bytes that this site takes, as the browser tells them; null: it does not. */
  usage: number | null;
  quota: number | null;
  /** The browser does not remove it when it needs room. */
  persisted: boolean;
}

/** The databases of this console. */
export async function listDatabases(): Promise<Kept[]> {
  const all = await indexedDB.databases();
  const names = all.flatMap(({ name }) => (name !== undefined && OURS.test(name) ? [name] : []));
  return Promise.all(names.map(async (name) => ({ name, tables: await countsOf(name) })));
}

export async function roomOf(): Promise<Room> {
  // Where the page is not secure (http from afar) the browser has no such thing.
  const storage = (navigator as { storage?: StorageManager }).storage;
  const estimate = await storage?.estimate();
  return { usage: estimate?.usage ?? null, quota: estimate?.quota ?? null, persisted: (await storage?.persisted()) ?? false };
}

/** Remove it whole. Other parts of the page that have it open let go of it by themselves. */
export function removeDatabase(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onblocked = () => reject(new Error("blocked"));
    request.onerror = () => reject(request.error ?? new Error(name));
  });
}

/** Forget all settings of this browser: profiles with their keys, the admin key, colours, language. */
export function removeSettings(): void {
  for (const storage of [localStorage, sessionStorage]) {
    for (const name of Object.keys(storage).filter((one) => OURS.test(one))) storage.removeItem(name);
  }
}

function countsOf(name: string): Promise<Record<string, number>> {
  return new Promise((resolve) => {
    const opening = indexedDB.open(name);
    opening.onerror = () => resolve({});
    opening.onsuccess = () => {
      const database = opening.result;
      database.onversionchange = () => database.close();
      const stores = [...database.objectStoreNames];
      const counts: Record<string, number> = {};
      const done = () => {
        database.close();
        resolve(counts);
      };
      if (stores.length === 0) {
        done();
        return;
      }
      const transaction = database.transaction(stores, "readonly");
      transaction.oncomplete = done;
      transaction.onerror = done;
      for (const store of stores) {
        const count = transaction.objectStore(store).count();
        count.onsuccess = () => (counts[store] = count.result);
      }
    };
  });
}
