/** Which models the profile in use can be asked for, those first that suit. */

import { useEffect, useState } from "react";

import { model } from "@/lib/api";
import { isObject } from "@/lib/errors";
import { useStore } from "@/lib/persisted";
import { currentProfile, type Mode, profiles } from "@/lib/profiles";

export interface Suggestions {
  names: readonly string[];
  /** Used where the profile names none. */
  proposed: string;
  error: boolean;
}

const FALLBACK: Readonly<Record<Mode, string>> = { images: "gpt-image-2", responses: "gpt-5" };

export function useModels(): Suggestions {
  const { baseUrl, apiKey, mode } = currentProfile(useStore(profiles));
  const [found, setFound] = useState<{ of: string; names: readonly string[]; error: boolean }>();
  const of = `${baseUrl} ${apiKey}`;
  useEffect(() => {
    const controller = new AbortController();
    model("/models", { signal: controller.signal }).then(
      (answer) => setFound({ of, names: namesIn(answer), error: false }),
      () => {
        if (!controller.signal.aborted) setFound({ of, names: [], error: true });
      },
    );
    return () => controller.abort();
  }, [of]);
  const here = found?.of === of ? found : undefined;
  return { ...suggest(here?.names ?? [], mode), error: here?.error ?? false };
}

/** Those that suit the mode first; the first of them is proposed. */
export function suggest(names: readonly string[], mode: Mode): { names: string[]; proposed: string } {
  const draws = (name: string) => /image|dall-?e|flux|imagen|diffusion|banana/i.test(name);
  const talks = (name: string) => /gpt|^o\d|claude|gemini|grok|qwen/i.test(name) && !draws(name);
  const suits = mode === "images" ? draws : talks;
  const first = names.filter(suits);
  return { names: [...first, ...names.filter((name) => !suits(name))], proposed: first[0] ?? FALLBACK[mode] };
}

function namesIn(answer: unknown): string[] {
  const data = isObject(answer) && Array.isArray(answer.data) ? (answer.data as unknown[]) : [];
  return data.flatMap((one) => (isObject(one) && typeof one.id === "string" ? [one.id] : []));
}
