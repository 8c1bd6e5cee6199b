/** The timeline of one stream, followed as it grows. */

import { useEffect, useState } from "react";

import { admin } from "@/lib/admin";
import { api, type ApiError, apiUrl, asApiError, follow, isAbort } from "@/lib/api";
import { useStore } from "@/lib/persisted";

import { learnClock } from "./clock";
import { isOver, type Piece, type Story, told } from "./timeline";

export interface Followed {
  story: Story | undefined;
  error: ApiError | undefined;
  connected: boolean;
}

const NOTHING: Followed = { story: undefined, error: undefined, connected: false };

export function useTimeline(requestId: string): Followed {
  const { turn } = useStore(admin);
  const [followed, setFollowed] = useState({ requestId, ...NOTHING });
  useEffect(() => {
    const stop = new AbortController();
    let story: Story | undefined;
    const set = (news: Partial<Followed>) => {
      if (!stop.signal.aborted) setFollowed((before) => ({ ...(before.requestId === requestId ? before : NOTHING), ...news, requestId }));
    };
    const path = apiUrl("/api/streams/{request_id}/events", { request_id: requestId });
    // What can't be followed is tried again for ever; whoever waits for its first word has to know why.
    const askWhy = () =>
      api.get("/api/streams/{request_id}", { path: { request_id: requestId }, signal: stop.signal }).catch((thrown: unknown) => {
        if (!isAbort(thrown) && story === undefined) set({ error: asApiError(thrown) });
      });
    void learnClock();
    follow(path, {
      signal: stop.signal,
      once: true,
      onConnected(connected) {
        set({ connected });
        if (!connected && story === undefined) void askWhy();
      },
      onData(data) {
        // The schema of the gateway's own API; it is not checked twice.
        story = told(story, data as Piece);
        set({ story, error: undefined });
      },
    })
      .then(() => set({ connected: false }))
      .catch((thrown: unknown) => set({ connected: false, error: asApiError(thrown) }));
    return () => stop.abort();
  }, [requestId, turn]);
  return followed.requestId === requestId ? followed : NOTHING;
}

/** It runs, but nothing new comes of it. */
export function isCutOff({ story, connected }: Followed): boolean {
  return story !== undefined && !connected && !isOver(story);
}
