/**
 * Messages in components:
 *
 *     // chat/i18n.ts
 *     export const useT = messages({ en, zh });
 *     // chat/index.tsx
 *     const t = useT();
 *     t("send"); t("tokens", { n: 12 });
 */

import { useMemo } from "react";

import { type Format, formatOf } from "@/lib/format";
import { persisted, useStore } from "@/lib/persisted";

import { type Catalogue, type Language, type Messages, preferred, type Translate, translator } from "./core";

export { type Catalogue, type Language, LANGUAGES, type Like, type Translate } from "./core";

/** The language in use. */
export const language = persisted<Language>("sluiceway.language", (found) => preferred(found, typeof navigator === "undefined" ? [] : navigator.languages));

export function useLanguage(): Language {
  return useStore(language);
}

/** Figures in the language in use. */
export function useFormat(): Format {
  return formatOf(useLanguage());
}

/** A hook that gives a component the messages of its feature. */
export function messages<const E extends Catalogue>(all: Messages<E>): () => Translate<E> {
  return function useT() {
    const current = useLanguage();
    return useMemo(() => translator(all, current), [current]);
  };
}
