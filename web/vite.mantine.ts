/**
 * Of the component library's styles only those of components that the pages use: a third of what comes first otherwise.
 *
 * Stands in for `@mantine/core/styles.css`. Nothing has to be listed: what is used is read from the imports of the
 * sources, and of the library's own modules from there on. The build fails should a component come along without its
 * style, rather than ship a page that looks broken.
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";

import type { Plugin } from "vite";

/** What every page needs, whatever it is made of; in this order, before all others. */
const GROUND = ["default-css-variables", "baseline", "global"];

const STYLED = /@mantine\/core\/esm\/.*\/(\w+)\.module\.mjs$/;

export function mantineStyles(sources: string): Plugin {
  const library = dirname(createRequire(import.meta.url).resolve("@mantine/core/styles.css"));
  const sheet = (name: string) => readFileSync(join(library, "styles", `${name}.css`), "utf8");
  const whole = join(library, "styles.css");
  let given = new Set<string>();
  return {
    name: "sluiceway-mantine-styles",
    enforce: "pre",
    load(id) {
      if (id.split("?")[0] !== whole) return null;
      const all = readFileSync(whole, "utf8");
      // They build upon one another, so their order is that of the whole.
      const placeOf = (name: string) => all.indexOf(/\.m_[0-9a-f]+/.exec(sheet(name))?.[0] ?? "");
      const used = [...styledBy(library, sources)].sort((a, b) => placeOf(a) - placeOf(b));
      given = new Set(used);
      return [...GROUND, ...used].map(sheet).join("\n");
    },
    generateBundle(_, bundle) {
      for (const chunk of Object.values(bundle)) {
        for (const id of chunk.type === "chunk" ? Object.keys(chunk.modules) : []) {
          const name = STYLED.exec(id)?.[1];
          if (name !== undefined && !given.has(name)) this.error(`${name} of @mantine/core is used, and its style is left out`);
        }
      }
    },
  };
}

/** The names of all components with styles that the sources import, and of those that these are made of. */
function styledBy(library: string, sources: string): Set<string> {
  const folders = join(library, "esm", "components");
  const modules = new Map(files(folders).map((file) => [basename(file, ".mjs"), file]));
  // Notifications are a package of their own, and made of this one.
  const left = [...importedBy(sources), "Notification"].flatMap((name) => modules.get(name) ?? []);
  const [seen, styled] = [new Set<string>(), new Set<string>()];
  for (let file = left.pop(); file !== undefined; file = left.pop()) {
    if (seen.has(file) || !existsSync(file)) continue;
    seen.add(file);
    const style = STYLED.exec(file)?.[1];
    if (style !== undefined) styled.add(style);
    for (const [, path = ""] of readFileSync(file, "utf8").matchAll(/^import .* from "(\.[^"]+)";$/gm)) left.push(resolve(dirname(file), path));
  }
  return styled;
}

/** Whatever is imported by name from the library. */
function importedBy(sources: string): string[] {
  return files(sources).flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/import \{([^}]*)\} from "@mantine\/core"/g)].flatMap(([, names = ""]) => names.split(",").map((name) => name.trim())),
  );
}

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(mjs|tsx?)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}
