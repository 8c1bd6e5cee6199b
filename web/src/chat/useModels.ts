/** The models that an address lists. */

import { useEffect, useState } from "react";

import { model } from "@/lib/api";
import { isObject } from "@/lib/errors";
import type { Profile } from "@/lib/profiles";

/** Names of models, as `GET /v1/models` has them; empty where there is no such list. */
export function useModels(profile: Profile): readonly string[] {
  const [names, setNames] = useState<readonly string[]>([]);
  const { baseUrl, apiKey } = profile;
  useEffect(() => {
    const controller = new AbortController();
    model("/models", { profile, signal: controller.signal })
      .then((listed) => setNames(namesIn(listed)))
      .catch(() => {
        // Many have no list. A name can be typed all the same.
        if (!controller.signal.aborted) setNames([]);
      });
    return () => controller.abort();
    // What else a profile has does not change its list.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [baseUrl, apiKey]);
  return names;
}

function namesIn(listed: unknown): string[] {
  const data = isObject(listed) && Array.isArray(listed.data) ? listed.data : [];
  return [...new Set(data.flatMap((one) => (isObject(one) && typeof one.id === "string" ? [one.id] : [])))];
}
