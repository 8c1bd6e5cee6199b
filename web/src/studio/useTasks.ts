/** The history and what runs now, as one list, newest first. */

import { useLiveQuery } from "dexie-react-hooks";
import { useEffect, useMemo, useState } from "react";

import { useStore } from "@/lib/persisted";

import { allTasks, blobOf, recentBlob } from "./db";
import { live } from "./live";
import type { Task } from "./task";

/** Undefined while the history is read. */
export function useTasks(): readonly Task[] | undefined {
  const kept = useLiveQuery(() => allTasks().catch(() => []), []);
  const now = useStore(live);
  return useMemo(() => (kept === undefined && now.length === 0 ? undefined : merged(kept ?? [], now)), [kept, now]);
}

/** What this page knows of a task is newer than what was kept. */
export function merged(kept: readonly Task[], now: readonly Task[]): Task[] {
  const known = new Set(now.map((task) => task.id));
  return [...now, ...kept.filter((task) => !known.has(task.id))].sort((a, b) => b.createdAt - a.createdAt);
}

interface Address {
  url: string;
  users: number;
}

const addresses = new WeakMap<Blob, Address>();

/** How long an address lives that nobody uses: between being made and being used, or from one place to the next. */
const UNUSED_MS = 5_000;

/** The address of bytes that are at hand; the same one wherever they are shown. */
export function useBlobUrl(blob: Blob | undefined): string | undefined {
  useEffect(() => {
    if (blob === undefined) return undefined;
    const address = addressOf(blob);
    address.users += 1;
    return () => {
      address.users -= 1;
      forgetLater(blob, address);
    };
  }, [blob]);
  return blob && addressOf(blob).url;
}

function addressOf(blob: Blob): Address {
  const known = addresses.get(blob);
  if (known) return known;
  const made = { url: URL.createObjectURL(blob), users: 0 };
  addresses.set(blob, made);
  forgetLater(blob, made);
  return made;
}

function forgetLater(blob: Blob, address: Address): void {
  setTimeout(() => {
    if (address.users > 0 || addresses.get(blob) !== address) return;
    addresses.delete(blob);
    URL.revokeObjectURL(address.url);
  }, UNUSED_MS);
}

/** The address of a picture that was kept; null: it is gone. */
export function usePictureUrl(hash: string): string | null | undefined {
  const [found, setFound] = useState<{ hash: string; blob: Blob | undefined }>();
  const recent = recentBlob(hash);
  const here = found?.hash === hash ? found : undefined;
  useEffect(() => {
    let left = false;
    void blobOf(hash).then((blob) => {
      if (!left) setFound({ hash, blob });
    });
    return () => {
      left = true;
    };
  }, [hash]);
  const url = useBlobUrl(here?.blob ?? recent);
  return url ?? (here ? null : undefined);
}
