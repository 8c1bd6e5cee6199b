/**
 * Messages in several languages, each feature's own in its own folder.
 *
 * `messages.en.ts` is the measure: a language that lacks a message, or a message whose place holders nobody fills, does
 * not compile. Another language is one more line in `LANGUAGES`, and then what the compiler asks for.
 */

/** Each by its own name. */
export const LANGUAGES = { en: "English", zh: "中文" } as const;

export type Language = keyof typeof LANGUAGES;

/** `{name}` is a place holder. With forms, `n` chooses among them by the language's rules of plurals. */
export type Message = string | { readonly one?: string; readonly other: string };

export type Catalogue = Readonly<Record<string, Message>>;

/** The same messages in another language. */
export type Like<E extends Catalogue> = { readonly [K in keyof E]: Message };

export type Value = string | number;

type Holders<S extends string> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Holders<Rest> : never;
type HoldersOf<M extends Message> = M extends string
  ? Holders<M>
  : M extends { readonly other: infer O extends string }
    ? Holders<O> | "n"
    : never;

/** `t("key")`, or `t("key", { name })` for those with place holders. */
export type Translate<E extends Catalogue> = <K extends keyof E & string>(
  key: K,
  ...values: [HoldersOf<E[K]>] extends [never] ? [] : [Record<HoldersOf<E[K]>, Value>]
) => string;

export type Messages<E extends Catalogue> = { readonly en: E } & Readonly<Record<Exclude<Language, "en">, Like<E>>>;

/** The messages of one language. */
export function translator<E extends Catalogue>(messages: Messages<E>, language: Language): Translate<E> {
  const catalogue: Catalogue = messages[language];
  const plural = new Intl.PluralRules(language);
  const numbers = new Intl.NumberFormat(language);
  return (key, ...rest) => {
    const message = catalogue[key] ?? messages.en[key] ?? key;
    const values: Partial<Record<string, Value>> = rest[0] ?? {};
    const text = typeof message === "string" ? message : chosen(message, values.n, plural);
    return text.replace(/\{(\w+)\}/g, (holder, name: string) => {
      const value = values[name];
      if (value === undefined) return holder;
      return typeof value === "number" ? numbers.format(value) : value;
    });
  };
}

function chosen(message: Exclude<Message, string>, n: Value | undefined, plural: Intl.PluralRules): string {
  return plural.select(Number(n ?? 0)) === "one" ? (message.one ?? message.other) : message.other;
}

/** The language to begin with: the one chosen before, else the first of the browser's that we have. */
export function preferred(chosenBefore: unknown, wanted: readonly string[]): Language {
  const has = (tag: unknown): tag is Language => typeof tag === "string" && Object.hasOwn(LANGUAGES, tag);
  if (has(chosenBefore)) return chosenBefore;
  return wanted.map((tag) => tag.toLowerCase().split("-")[0]).find(has) ?? "en";
}
