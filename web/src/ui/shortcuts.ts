/**
 * Keys that do something, one or two in a row (`g` `s`). Not while somebody types, nor with a dialog open.
 *
 * A page lists its own with `useShortcuts`; the help shows all that are in force.
 */

import { useEffect } from "react";

import { store } from "@/lib/persisted";

export interface Shortcut {
  /** One or two, as `KeyboardEvent.key` has them. */
  keys: readonly string[];
  label: string;
  run: () => void;
}

export type Scope = "everywhere" | "page";

interface Listed {
  scope: Scope;
  shortcuts: readonly Shortcut[];
}

export const listed = store<readonly Listed[]>([]);

/** Between two keys that belong together. */
const PATIENCE_MS = 1_200;

/** In force while the component is there. Keep `shortcuts` the same between renders (`useMemo`). */
export function useShortcuts(shortcuts: readonly Shortcut[], scope: Scope = "page"): void {
  useEffect(() => {
    const mine: Listed = { scope, shortcuts };
    listed.set((all) => [...all, mine]);
    return () => listed.set((all) => all.filter((one) => one !== mine));
  }, [shortcuts, scope]);
}

/** What a key does after another one: something, waiting for a second one, or nothing. */
export function match(all: readonly Shortcut[], before: string, key: string): Shortcut | "wait" | undefined {
  const of = (keys: string) => all.findLast((one) => one.keys.join(" ") === keys);
  const found = (before ? of(`${before} ${key}`) : undefined) ?? of(key);
  if (found) return found;
  return all.some((one) => one.keys.length === 2 && one.keys[0] === key) ? "wait" : undefined;
}

/** Listen to the keyboard while the component is there: once in the page. */
export function useShortcutKeys(): void {
  useEffect(() => {
    let before = "";
    let at = 0;
    const pressed = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector('[role="dialog"][aria-modal="true"]') !== null) return;
      const all = listed.get().flatMap((one) => one.shortcuts);
      const found = match(all, event.timeStamp - at < PATIENCE_MS ? before : "", event.key);
      before = found === "wait" ? event.key : "";
      at = event.timeStamp;
      if (found === undefined || found === "wait") return;
      event.preventDefault();
      found.run();
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.closest('[role="menu"],[role="listbox"]') !== null;
}
