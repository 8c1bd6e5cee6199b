/** What the form of a key holds, what the API is asked with it, and which field an answer is about. Pure. */

import type { ApiError, Key, KeyChanges, KeyRules, NewKey } from "@/lib/api";

export type Dialect = KeyRules["dialects"][number];
export const DIALECTS: readonly Dialect[] = ["chat", "responses", "messages", "images"];

/** Numbers where 0 is unlimited, in the order they are asked for. */
export const LIMITS = [
  "max_in_flight",
  "requests_per_minute",
  "tokens_per_minute",
  "tokens_per_day",
  "tokens_per_month",
  "cost_per_day",
  "cost_per_month",
] as const satisfies readonly (keyof KeyRules)[];
export type Limit = (typeof LIMITS)[number];

export type KeyForm = KeyRules & { name: string };
export type Field = keyof KeyForm;
export type Faults = Partial<Record<Field, string>>;

const NEW: KeyForm = {
  name: "",
  owner: "",
  expires: "",
  models: [],
  dialects: [],
  allowed_ips: [],
  capture: false,
  priority: 1,
  max_in_flight: 0,
  requests_per_minute: 0,
  tokens_per_minute: 0,
  tokens_per_day: 0,
  tokens_per_month: 0,
  cost_per_day: 0,
  cost_per_month: 0,
};

/** Of a key that there is, or of one to be made. */
export function formOf(key?: Key): KeyForm {
  return key ? { ...key.settings, name: key.name } : NEW;
}

/** The body that makes the key: its name, and whatever is not the default. */
export function bodyOf(form: KeyForm): NewKey {
  return { name: form.name.trim(), ...changesOf(NEW, form) };
}

/** The body that makes `before` into `form`: only what differs. Empty: nothing does. */
export function changesOf(before: KeyForm, form: KeyForm): KeyChanges {
  const [old, now] = [tidy(before), tidy(form)];
  const different = (Object.keys(now) as (keyof KeyRules)[]).filter(
    (field) => JSON.stringify(old[field]) !== JSON.stringify(now[field]),
  );
  return Object.fromEntries(different.map((field) => [field, now[field]]));
}

/** Whether it may be sent. */
export function isComplete(form: KeyForm): boolean {
  return form.name.trim() !== "";
}

/** The fault of the field that an error names (as `allowed_ips[0]`), in the gateway's words; none: it is about the whole. */
export function faultsOf(error: ApiError): Faults {
  const field = /^\w+/.exec(error.param ?? "")?.[0];
  if (field === undefined || !Object.hasOwn(NEW, field)) return {};
  return { [field]: error.message.replace(/^body\.[\w[\].]+: /, "").replace(/\s+/g, " ") };
}

/** A day alone, which a calendar can show; else it is written out. */
export function isDay(expires: string): boolean {
  return expires === "" || /^\d{4}-\d{2}-\d{2}$/.test(expires);
}

function tidy(form: KeyForm): KeyRules {
  const clean = (items: string[]) => [...new Set(items.map((item) => item.trim()).filter(Boolean))];
  const rules: KeyRules & { name?: string } = { ...form };
  delete rules.name;
  return {
    ...rules,
    owner: rules.owner.trim(),
    expires: rules.expires.trim(),
    models: clean(rules.models),
    allowed_ips: clean(rules.allowed_ips),
    dialects: DIALECTS.filter((dialect) => rules.dialects.includes(dialect)),
  };
}
