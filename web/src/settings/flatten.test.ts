import { describe, expect, it } from "vitest";

import { found, sectionsOf, textOf } from "./flatten";

const SETTINGS = {
  server: { port: 8787, cors_origins: [] },
  upstreams: [
    { name: "openai", api_keys: ["…"], stream: { chat: { idle_s: 300 } }, headers: {} },
    { name: "spare", api_keys: [] },
  ],
  prices: [],
};

describe("sections", () => {
  it("are tables, and items of lists of tables", () => {
    expect(sectionsOf(SETTINGS).map(({ path, name, rows }) => [path, name, rows.map((row) => row.path)])).toEqual([
      ["server", "", ["port", "cors_origins"]],
      ["upstreams[0]", "openai", ["name", "api_keys", "stream.chat.idle_s", "headers"]],
      ["upstreams[1]", "spare", ["name", "api_keys"]],
      ["", "", ["prices"]],
    ]);
  });

  it("are found by path, by name and by value", () => {
    const paths = (text: string) => found(sectionsOf(SETTINGS), text).map(({ path, rows }) => [path, rows.length]);
    expect(paths("idle_s")).toEqual([["upstreams[0]", 1]]);
    expect(paths("SPARE")).toEqual([["upstreams[1]", 2]]);
    expect(paths("8787")).toEqual([["server", 1]]);
    expect(paths("server.port")).toEqual([["server", 1]]);
    expect(paths("nothing")).toEqual([]);
    expect(paths(" ")).toHaveLength(4);
  });
});

it("values look as in the file", () => {
  expect([textOf("a"), textOf(1.5), textOf(["…", 2]), textOf(true), textOf({})]).toEqual(['"a"', "1.5", '["…", 2]', "true", "{}"]);
});
