/** The gateway's clock, by which streams began, and what it keeps: asked once in a while. */

import { admin } from "@/lib/admin";
import { api } from "@/lib/api";
import { store } from "@/lib/persisted";

interface Gateway {
  /** What to add to this page's clock, in milliseconds. */
  aheadMs: number;
  /** Records of requests are kept and can be asked for. */
  hasRecords: boolean;
  /** How many processes share its port. */
  workers: number;
}

export const gateway = store<Gateway>({ aheadMs: 0, hasRecords: false, workers: 1 });

const ASKED_AGAIN_MS = 600_000;
let asked: { atMs: number; turn: number } | undefined;

/** Ask, unless that was done lately. Where it fails, this page's own clock has to do. */
export async function learnClock(): Promise<void> {
  const { turn } = admin.get();
  if (asked?.turn === turn && Date.now() - asked.atMs < ASKED_AGAIN_MS) return;
  asked = { atMs: Date.now(), turn };
  try {
    const before = Date.now();
    const { started, uptime_s, last_hour, workers } = await api.get("/api/overview");
    const hereMs = (before + Date.now()) / 2;
    gateway.set({ aheadMs: (started + uptime_s) * 1000 - hereMs, hasRecords: last_hour !== null, workers });
  } catch {
    asked = undefined;
  }
}

/** Unix seconds, as the gateway has them, at a moment of this page's clock. */
export function gatewayS(pageMs: number): number {
  return (pageMs + gateway.get().aheadMs) / 1000;
}
