/** Small values that outlive the page: kept in `localStorage`, told to every part of the page and to other tabs. */

import { useSyncExternalStore } from "react";

export interface Store<T> {
  get: () => T;
  set: (value: T | ((before: T) => T)) => void;
  /** Calls back after each change; answers with how to stop that. */
  subscribe: (changed: () => void) => () => void;
}

/** A value that lives as long as the page. */
export function store<T>(initial: T): Store<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      const made = typeof next === "function" ? (next as (before: T) => T)(value) : next;
      if (Object.is(made, value)) return;
      value = made;
      for (const listener of [...listeners]) listener();
    },
    subscribe(changed) {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
  };
}

/**
 * A value under `name` in `localStorage`, as JSON.
 *
 * `read` makes a value of whatever is found there, which an older version or a person may have written; it is given
 * `undefined` where there is nothing.
 */
export function persisted<T>(name: string, read: (found: unknown) => T): Store<T> {
  const inner = store(read(kept(name)));
  if (typeof window !== "undefined") {
    window.addEventListener("storage", (event) => {
      if (event.key === name || event.key === null) inner.set(read(kept(name)));
    });
  }
  return {
    ...inner,
    set(next) {
      inner.set(next);
      try {
        localStorage.setItem(name, JSON.stringify(inner.get()));
      } catch {
        // Full, or forbidden in this browser: it holds for this page, then.
      }
    },
  };
}

/** The value of a store, in a component that is drawn anew when it changes. */
export function useStore<T>(from: Store<T>): T {
  return useSyncExternalStore(from.subscribe, from.get, from.get);
}

function kept(name: string): unknown {
  try {
    const text = localStorage.getItem(name);
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
