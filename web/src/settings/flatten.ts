/** The effective configuration as sections of rows, and what a search finds in it. Pure. */

import { isObject } from "@/lib/errors";

export interface Row {
  /** Below its section, as `stream.idle_s`. */
  path: string;
  value: unknown;
}

export interface Section {
  /** As in the file: `server`, `upstreams[0]`. */
  path: string;
  /** Of an item of a list: what it is called. */
  name: string;
  rows: Row[];
}

/** One section for each table, and one for each item of a list of tables. */
export function sectionsOf(settings: Record<string, unknown>): Section[] {
  const loose: Row[] = [];
  const sections = Object.entries(settings).flatMap(([path, value]): Section[] => {
    if (isObject(value)) return [{ path, name: "", rows: rowsOf(value) }];
    if (Array.isArray(value) && value.length > 0 && value.every(isObject)) {
      return value.map((item, index) => ({ path: `${path}[${index}]`, name: nameOf(item), rows: rowsOf(item) }));
    }
    loose.push({ path, value });
    return [];
  });
  return loose.length > 0 ? [...sections, { path: "", name: "", rows: loose }] : sections;
}

/** Rows whose path, section or value has the text; sections without any are left out. */
export function found(sections: readonly Section[], text: string): Section[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return [...sections];
  const has = (words: string) => words.toLowerCase().includes(wanted);
  return sections.flatMap((section) => {
    const rows = section.rows.filter((row) => has(`${section.path}.${row.path}`) || has(textOf(row.value)));
    const kept = has(section.name) ? section.rows : rows;
    return kept.length > 0 ? [{ ...section, rows: kept }] : [];
  });
}

/** As TOML would have it, more or less. */
export function textOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(textOf).join(", ")}]`;
  return typeof value === "string" ? `"${value}"` : JSON.stringify(value);
}

function rowsOf(table: Record<string, unknown>, above = ""): Row[] {
  return Object.entries(table).flatMap(([name, value]): Row[] => {
    const path = above ? `${above}.${name}` : name;
    return isObject(value) && Object.keys(value).length > 0 ? rowsOf(value, path) : [{ path, value }];
  });
}

function nameOf(item: Record<string, unknown>): string {
  const name = item.name ?? item.model;
  return typeof name === "string" ? name : "";
}
