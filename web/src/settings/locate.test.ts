import { describe, expect, it } from "vitest";

import { lineIn, lineOf, rangeOf } from "./locate";

const TOML = `[server]
port = 1 # upstreams = 2
"host" = "x"

[[upstreams]]
name = "a"
[[upstreams]]
name = "b"
  [upstreams.stream]
  idle_s = "soon"
[stream]
chat.idle_s = 1`;

describe("the line of a key", () => {
  it("is found in tables, lists of tables, and tables within those", () => {
    const paths = ["server.port", "server.host", "upstreams[0].name", "upstreams[1].name", "upstreams[1].stream.idle_s", "stream.chat.idle_s"];
    expect(paths.map((path) => lineOf(TOML, path))).toEqual([2, 3, 6, 8, 10, 12]);
  });

  it("is that of its table where it is missing", () => {
    expect(lineOf(TOML, "upstreams[1].base_url")).toBe(7);
    expect(lineOf(TOML, "upstreams[0].api_keys[2]")).toBe(5);
    expect(lineOf(TOML, "server.prot")).toBe(1);
  });

  it("is none where nothing of it is there", () => {
    expect([lineOf(TOML, "queue.max_waiting"), lineOf(TOML, ""), lineOf("", "a.b")]).toEqual([0, 0, 0]);
  });
});

it("is read from a message on what is no TOML", () => {
  expect([lineIn("is not valid TOML: Expected ']' (at line 12, column 8)"), lineIn("is missing")]).toEqual([12, 0]);
});

it("can be selected", () => {
  expect(TOML.slice(...rangeOf(TOML, 2))).toBe("port = 1 # upstreams = 2");
  expect(rangeOf("", 1)).toEqual([0, 0]);
});
