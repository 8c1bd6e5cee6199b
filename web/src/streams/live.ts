/** All streams, live: one connection for as many parts of the page as look at them. */

import { useEffect } from "react";

import { admin } from "@/lib/admin";
import { api, type ApiError, asApiError, follow, isAbort, type StreamChanges } from "@/lib/api";
import { store, useStore } from "@/lib/persisted";

import { learnClock } from "./clock";
import { changed, EMPTY, listed, type Table } from "./table";

export interface Live {
  table: Table;
  /** The list was read: what is not in the table is not there. */
  loaded: boolean;
  /** Changes come as they happen. */
  connected: boolean;
  error: ApiError | undefined;
}

const NOTHING: Live = { table: EMPTY, loaded: false, connected: false, error: undefined };

export const live = store<Live>(NOTHING);

/** How many may be told; the gateway's own limit. */
const MOST = 1000;

/** Who goes from one page to another that looks at streams, too, need not connect again. */
const LINGER_MS = 3_000;

let watchers = 0;
let stop: AbortController | undefined;
let restTimer = 0;

/** The streams, kept current while the component is there and the page is seen. */
export function useStreams(): Live & { reload: () => void } {
  const { turn } = useStore(admin);
  useEffect(() => {
    watchers += 1;
    window.clearTimeout(restTimer);
    const seen = () => (document.visibilityState === "visible" ? start() : rest());
    document.addEventListener("visibilitychange", seen);
    seen();
    return () => {
      document.removeEventListener("visibilitychange", seen);
      watchers -= 1;
      if (watchers === 0) restTimer = window.setTimeout(rest, LINGER_MS);
    };
  }, []);
  useEffect(() => {
    if (startedAs !== undefined && startedAs !== turn) again();
  }, [turn]);
  return { ...useStore(live), reload: again };
}

let startedAs: number | undefined;

function again(): void {
  rest();
  start();
}

/** A page that nobody sees takes no connection from the few that a browser has for one host. */
function rest(): void {
  stop?.abort();
  stop = undefined;
  live.set((before) => ({ ...before, connected: false }));
}

function start(): void {
  if (stop !== undefined) return;
  stop = new AbortController();
  startedAs = admin.get().turn;
  void run(stop.signal).catch((thrown: unknown) => {
    if (isAbort(thrown)) return;
    stop?.abort();
    stop = undefined;
    live.set((before) => ({ ...before, connected: false, error: asApiError(thrown) }));
  });
}

async function run(signal: AbortSignal): Promise<void> {
  const list = async () => {
    const askedAtMs = Date.now();
    const answer = await api.get("/api/streams", { query: { limit: MOST }, signal });
    update((table) => listed(table, answer, Date.now(), askedAtMs));
    live.set((before) => ({ ...before, loaded: true, error: undefined }));
  };
  void learnClock();
  await list();
  // What ended before the first word of the live view is in no change: it is listed once more, then.
  let isListed = false;
  let listing = false;
  await follow("/api/streams/events", {
    signal,
    onData(data) {
      // The schema of the gateway's own API; it is not checked twice.
      update((table) => changed(table, data as StreamChanges, Date.now()));
      if ((isListed && live.get().table.missed === 0) || listing) return;
      listing = true;
      // If it fails, the next change tries again.
      void list()
        .then(() => (isListed = true))
        .catch(() => undefined)
        .finally(() => (listing = false));
    },
    onConnected: (connected) => live.set((before) => ({ ...before, connected })),
  });
}

function update(change: (table: Table) => Table): void {
  live.set((before) => ({ ...before, table: change(before.table) }));
}
