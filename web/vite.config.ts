/// <reference types="vitest/config" />
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

import { mantineStyles } from "./vite.mantine.ts";

/** Where the gateway serves the console from; made by the build, never kept in git. */
const OUT = "../src/sluiceway/console/web";

/** The gateway that `npm run dev` talks to. */
const GATEWAY = process.env["SLUICEWAY_URL"] ?? "http://localhost:8787";

/** Below this, headers weigh more than what compression saves. */
const WORTH_COMPRESSING_BYTES = 1024;

export default defineConfig({
  plugins: [mantineStyles(fileURLToPath(new URL("./src", import.meta.url))), react(), precompressed()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  // The gateway puts a fresh one into each index.html, and into its Content-Security-Policy.
  html: { cspNonce: "SLUICEWAY_NONCE" },
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: "es2023",
    // For older browsers `light-dark()` becomes variables that nothing here sets: those colours would be none.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // Nothing as a data: address, which the Content-Security-Policy would have to allow for fonts and scripts.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        // What half of the pages have is in one file: many small ones are more to ask for, and compress worse.
        codeSplitting: { groups: [{ name: "common", minShareCount: 5, test: /node_modules|src\/(ui|lib|i18n)\// }] },
      },
    },
    // What counts is the first load, compressed, which tests/web measures.
    chunkSizeWarningLimit: 1000,
  },
  server: {
    proxy: Object.fromEntries(
      ["/api", "/v1", "/healthz", "/readyz", "/metrics"].map((path) => [path, { target: GATEWAY }]),
    ),
  },
  test: { environment: "node", include: ["src/**/*.test.{ts,tsx}"] },
});

/** Writes `FILE.br` and `FILE.gz` beside each file that gets smaller by it, so that the gateway need not compress. */
function precompressed(): Plugin {
  let folder = OUT;
  return {
    name: "sluiceway-precompressed",
    apply: "build",
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    async writeBundle() {
      const names = await readdir(folder, { recursive: true, withFileTypes: true });
      const files = names.filter((entry) => entry.isFile() && /\.(js|css|svg|json|webmanifest)$/.test(entry.name));
      await Promise.all(files.map((entry) => compress(join(entry.parentPath, entry.name))));
    },
  };
}

async function compress(path: string): Promise<void> {
  const body = await readFile(path);
  if (body.length < WORTH_COMPRESSING_BYTES) return;
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };
  const [brotli, zipped] = await Promise.all([
    promisify(brotliCompress)(body, quality),
    promisify(gzip)(body, { level: 9 }),
  ]);
  if (brotli.length < body.length) await writeFile(`${path}.br`, brotli);
  if (zipped.length < body.length) await writeFile(`${path}.gz`, zipped);
}
