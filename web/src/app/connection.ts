/** Whether the gateway can be reached, and how much runs there: asked of `/healthz` while the page is seen. */

import { useEffect } from "react";

import { isObject } from "@/lib/errors";
import { store } from "@/lib/persisted";

export interface Connection {
  state: "waiting" | "connected" | "away";
  inFlight: number;
}

export const connection = store<Connection>({ state: "waiting", inFlight: 0 });

const EVERY_MS = 5_000;
const PATIENCE_MS = 10_000;

/** Keep asking while the component is there. */
export function useConnectionWatch(): void {
  useEffect(() => {
    let timer = 0;
    let stopped = false;
    const ask = async () => {
      window.clearTimeout(timer);
      if (document.visibilityState === "visible") {
        const now = await asked();
        if (stopped) return;
        connection.set(now);
      }
      timer = window.setTimeout(() => void ask(), EVERY_MS);
    };
    const seen = () => void ask();
    document.addEventListener("visibilitychange", seen);
    window.addEventListener("online", seen);
    void ask();
    return () => {
      stopped = true;
      window.clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
      window.removeEventListener("online", seen);
    };
  }, []);
}

async function asked(): Promise<Connection> {
  try {
    const response = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    const said: unknown = await response.json();
    const inFlight = isObject(said) && typeof said.in_flight === "number" ? said.in_flight : 0;
    return { state: response.ok ? "connected" : "away", inFlight };
  } catch {
    return { state: "away", inFlight: 0 };
  }
}
