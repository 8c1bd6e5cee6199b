/** What `/api` answers, in a component. */

import { useCallback, useEffect, useState } from "react";

import { admin } from "./admin";
import { type Answer, api, asApiError, type ApiError, type Asked, type GetPath, isAbort } from "./api";
import { useStore } from "./persisted";

export interface Loaded<T> {
  /** The latest answer; stays while the next one is on its way, or fails. */
  data: T | undefined;
  /** Of the latest try; `undefined` if it went well. */
  error: ApiError | undefined;
  loading: boolean;
  reload: () => void;
}

/**
 * Ask, and ask again whenever what is asked changes, another admin key is given, and every `everyMs` while the page is
 * seen. `off`: do not ask.
 */
export function useApi<P extends GetPath>(
  path: P,
  asked: Omit<Asked<"GET", P>, "signal" | "body"> = {},
  { everyMs = 0, off = false }: { everyMs?: number; off?: boolean } = {},
): Loaded<Answer<"GET", P>> {
  type T = Answer<"GET", P>;
  const { turn } = useStore(admin);
  const [round, setRound] = useState(0);
  const question = JSON.stringify([path, asked]);
  const [state, setState] = useState<{ question: string; data?: T; error?: ApiError; loading: boolean }>({
    question,
    loading: !off,
  });

  useEffect(() => {
    if (off) return;
    const stop = new AbortController();
    let timer = 0;
    const ask = async () => {
      const [where, what] = JSON.parse(question) as [P, Asked<"GET", P>];
      try {
        const data = await api.get(where, { ...what, signal: stop.signal });
        setState({ question, data, loading: false });
      } catch (thrown) {
        if (isAbort(thrown)) return;
        setState((before) => ({ ...(before.question === question ? before : { question }), error: asApiError(thrown), loading: false }));
      }
      if (everyMs > 0 && !stop.signal.aborted) timer = window.setTimeout(again, everyMs);
    };
    const again = () => {
      if (document.visibilityState === "visible") void ask();
      else document.addEventListener("visibilitychange", again, { once: true });
    };
    void ask();
    return () => {
      stop.abort();
      window.clearTimeout(timer);
      document.removeEventListener("visibilitychange", again);
    };
  }, [question, turn, round, everyMs, off]);

  const reload = useCallback(() => setRound((before) => before + 1), []);
  // The answer to another question is none to this one.
  const current = state.question === question ? state : { loading: !off, data: undefined, error: undefined };
  return { data: current.data, error: current.error, loading: current.loading, reload };
}
