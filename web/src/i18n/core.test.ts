import { expect, expectTypeOf, test } from "vitest";

import { LANGUAGES, type Message, preferred, translator } from "./core";

const en = {
  plain: "Open",
  named: "Go to {page} of {all}",
  counted: { one: "{n} event of {name}", other: "{n} events of {name}" },
} as const;

const zh = { plain: "打开", named: "前往 {page}，共 {all}", counted: "{name} 的 {n} 个事件" };

const all = { en, zh };

test("place holders are filled, and numbers are written as the language has them", () => {
  const t = translator(all, "en");
  expect(t("plain")).toBe("Open");
  expect(t("named", { page: "{all}", all: 12_345 })).toBe("Go to {all} of 12,345");
  expect(translator(all, "zh")("named", { page: "概览", all: 2 })).toBe("前往 概览，共 2");
});

test("plurals follow the language", () => {
  const t = translator(all, "en");
  expect([0, 1, 2].map((n) => t("counted", { n, name: "x" }))).toEqual(["0 events of x", "1 event of x", "2 events of x"]);
  expect(translator(all, "zh")("counted", { n: 1, name: "x" })).toBe("x 的 1 个事件");
});

test("a missing message or value does not compile", () => {
  const t = translator(all, "en");
  // @ts-expect-error: no such message
  t("other");
  // @ts-expect-error: `all` is missing
  t("named", { page: "x" });
  // @ts-expect-error: `n` is missing
  t("counted", { name: "x" });
  // @ts-expect-error: Chinese lacks two messages
  translator({ en, zh: { plain: "打开" } }, "zh");
  expectTypeOf(t("plain")).toBeString();
});

test("the first language of the browser that we have is taken, unless one was chosen", () => {
  expect(preferred(undefined, ["de-DE", "zh-Hant-TW", "en"])).toBe("zh");
  expect(preferred("en", ["zh"])).toBe("en");
  expect(preferred("xx", [])).toBe("en");
});

const catalogues = import.meta.glob<Record<string, Record<string, Message>>>("../*/messages.*.ts", { eager: true });

const holders = (message: Message | undefined) => {
  const text = typeof message === "string" ? message : (message?.other ?? "");
  return [...new Set(text.match(/\{\w+\}/g))].sort();
};

test.each(Object.keys(catalogues).filter((path) => path.endsWith(".en.ts")))(
  "%s: every language fills the same place holders and says something",
  (path) => {
    const english = catalogues[path]?.en ?? {};
    for (const language of Object.keys(LANGUAGES)) {
      const other = catalogues[path.replace(".en.ts", `.${language}.ts`)]?.[language];
      expect(Object.keys(other ?? {}).sort()).toEqual(Object.keys(english).sort());
      for (const [key, message] of Object.entries(english)) {
        expect(holders(other?.[key]), `${language}: ${key}`).toEqual(holders(message));
        expect(other?.[key], `${language}: ${key}`).not.toBe("");
      }
    }
  },
);
