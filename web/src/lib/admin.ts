/** The admin key: for this tab, or, if its owner wants so, for this browser. Sent to `/api` of this gateway alone. */

import { store } from "./persisted";

const NAME = "sluiceway.adminKey";

export interface Admin {
  key: string;
  /** The gateway wants a key, or another one than this. */
  locked: boolean;
  /** Grows with each key, so that what was refused is asked again. */
  turn: number;
}

export const admin = store<Admin>({ key: found(), locked: false, turn: 0 });

/** Use this key from now on; `remember`: after the tab is closed, too. Empty: forget it. */
export function setAdminKey(key: string, remember: boolean): void {
  try {
    sessionStorage.removeItem(NAME);
    localStorage.removeItem(NAME);
    if (key) (remember ? localStorage : sessionStorage).setItem(NAME, key);
  } catch {
    // Forbidden in this browser: it holds for this page, then.
  }
  admin.set((before) => ({ key, locked: false, turn: before.turn + 1 }));
}

/** Whether the key is kept after the tab is closed. */
export function adminKeyIsRemembered(): boolean {
  try {
    return localStorage.getItem(NAME) !== null;
  } catch {
    return false;
  }
}

function found(): string {
  try {
    return sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}
