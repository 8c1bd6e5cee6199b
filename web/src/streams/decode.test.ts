import { expect, it } from "vitest";

import { decoded } from "./decode";

it("spreads out JSON, and names the event", () => {
  expect(decoded('event: message_start\nid: 7\ndata: {"a":[1]}\n\n')).toEqual({
    name: "message_start",
    id: "7",
    text: '{\n  "a": [\n    1\n  ]\n}',
    isJson: true,
  });
});

it("leaves alone what is no JSON, or lost its middle", () => {
  expect(decoded("data: [DONE]\n\n")).toMatchObject({ name: "", text: "[DONE]", isJson: false });
  expect(decoded('data: {"b64":"AAA…ZZZ"')).toMatchObject({ text: '{"b64":"AAA…ZZZ"', isJson: false });
});

it("a comment says nothing", () => expect(decoded(": heartbeat\n\n")).toBeUndefined());
