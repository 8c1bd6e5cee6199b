import { expect, test } from "vitest";

import { ApiError, asApiError, errorIn, errorOf, isAbort } from "./errors";

test("the gateway's own error is read, with what the headers say", async () => {
  const body = JSON.stringify({
    error: { message: "too many", type: "rate_limit_error", param: null, code: "rate_limited" },
  });
  const error = await errorOf(
    new Response(body, { status: 429, headers: { "x-request-id": "req_1", "retry-after": "7" } }),
  );
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({
    message: "too many",
    type: "rate_limit_error",
    param: null,
    code: "rate_limited",
    status: 429,
    requestId: "req_1",
    retryAfterS: 7,
    raw: body,
  });
});

test.each([
  ["<html><head><title> 504 Gateway Time-out </title></head></html>", "504 Gateway Time-out"],
  ["{}", "502 Bad Gateway"],
  ["", "502 Bad Gateway"],
  ['{"error": "model is loading"}', "model is loading"],
  ['{"error": {"code": "x"}}', "x"],
])("what a proxy answers has a message: %s", async (body, message) => {
  const error = await errorOf(new Response(body, { status: 502, statusText: "Bad Gateway" }));
  expect(error.message).toBe(message);
  expect(error.raw).toBe(body);
});

test("an error is found in an event of each dialect, and in no other value", () => {
  const inner = { message: "m", type: "t", param: "p", code: "c" };
  expect(errorIn({ error: inner })).toMatchObject(inner);
  expect(errorIn({ type: "error", error: { type: "overloaded_error", message: "m" } })).toMatchObject({
    message: "m",
    type: "overloaded_error",
  });
  expect(errorIn({ type: "error", code: "c", message: "m", param: null, sequence_number: 3 })).toMatchObject({
    message: "m",
    code: "c",
  });
  for (const other of [{ choices: [], error: null }, { type: "ping" }, null, "error", [], undefined]) {
    expect(errorIn(other)).toBeUndefined();
  }
});

test("what fetch throws is an error of the network, and an abort is none", () => {
  expect(asApiError(new TypeError("Failed to fetch"))).toMatchObject({ code: "network", status: 0 });
  expect(asApiError("odd")).toMatchObject({ message: "odd", code: null });
  expect(isAbort(new DOMException("stopped", "AbortError"))).toBe(true);
  expect(isAbort(new Error("AbortError"))).toBe(false);
});
