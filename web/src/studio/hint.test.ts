import { describe, expect, it } from "vitest";

import { hintFor } from "./hint";

/** As if it had failed after so many seconds, `signS` after the last thing that came. */
const ended = (seconds: number, problem: object, signS: number | null = null) =>
  hintFor({ status: "failed", startedAt: 0, lastSignAt: signS === null ? null : signS * 1000, endedAt: seconds * 1000, problem: { message: "m", ...problem } });

describe("a hint, by the time that passed", () => {
  it.each([
    [60.2, { code: "network" }, "nginx"],
    [57, { code: "network" }, "nginx"],
    [60.2, { status: 504 }, "nginx"],
    [60.2, { status: 502 }, "nginx"],
    [60.2, { code: "upstream_truncated" }, "nginx"],
    [100.4, { code: "network" }, "cloudflare"],
    [120.3, { code: "network" }, "cloudflare"],
    [120.3, { code: "network_broken" }, "cloudflare"],
    [125, { code: "upstream_truncated" }, "cloudflare"],
    [3, { status: 524 }, "cloudflare"],
    [3, { code: "network" }, "network"],
    [56, { code: "network" }, "network"],
    [80, { code: "network" }, "network"],
    [140, { code: "network" }, "network"],
    [30, { status: 504 }, "upstream"],
    [9, { code: "upstream_truncated" }, "truncated"],
  ])("after %d s of %j is %s", (seconds, problem, hint) => {
    expect(ended(seconds, problem)).toBe(hint);
  });

  it("counts from the last sign of life, too", () => {
    expect(ended(85, { code: "network" }, 25)).toBe("nginx");
    expect(ended(205, { code: "network" }, 84)).toBe("cloudflare");
    expect(ended(85, { code: "network" }, 80)).toBe("network");
  });

  it("is not of the time where the answer says what it was", () => {
    expect(ended(60.2, { status: 401 })).toBe("key");
    expect(ended(60.2, { code: "upstream_timeout_idle" })).toBe("gateway_timeout");
    expect(ended(120, { type: "invalid_request_error" })).toBe("parameter");
  });
});

describe("a hint, by what the error says", () => {
  it.each([
    [{ status: 429 }, "limited"],
    [{ status: 413 }, "too_large"],
    [{ status: 404 }, "model"],
    [{ status: 400 }, "parameter"],
    [{ status: 400, code: "moderation_blocked" }, "moderated"],
    [{ status: 500 }, "upstream"],
    [{ code: "draining" }, "draining"],
    [{ code: "no_picture" }, "no_picture"],
    // Within a stream there is no status.
    [{ type: "requests", code: "rate_limit_exceeded" }, "limited"],
    [{ type: "insufficient_quota", code: "insufficient_quota" }, "limited"],
    [{ code: "gateway_overloaded" }, "limited"],
    [{ type: "invalid_request_error", code: "invalid_api_key" }, "key"],
    [{ type: "authentication_error" }, "key"],
    [{ type: "invalid_request_error", code: "mock_refusal" }, "parameter"],
    [{ type: "invalid_request_error", code: "model_not_found" }, "model"],
    [{ type: "invalid_request_error", param: "model" }, "model"],
    [{ code: "body_too_large" }, "too_large"],
    [{ type: "image_generation_user_error", code: "moderation_blocked" }, "moderated"],
    [{ type: "server_error", code: "internal_error" }, "upstream"],
    [{ type: "upstream_error", code: "upstream_unreachable" }, "upstream"],
    [{ type: "upstream_error", code: "upstream_timeout_first_event" }, "gateway_timeout"],
    [{ type: "upstream_error", code: "event_too_large" }, "event_too_large"],
    [{ type: "rate_limit_error", code: "budget_exceeded" }, "limited"],
    [{ type: "overloaded_error", code: "queue_timeout" }, "limited"],
    [{ type: "permission_error", code: "forbidden" }, "key"],
    [{ code: "cancelled" }, "ended"],
    [{ type: "something", code: "new" }, undefined],
  ])("%j is %s", (problem, hint) => {
    expect(ended(2, problem)).toBe(hint);
  });

  it("knows a task whose page went away, and says nothing of one that was stopped", () => {
    const task = { startedAt: 0, lastSignAt: null, endedAt: 1000, problem: null };
    expect(hintFor({ ...task, status: "interrupted" })).toBe("interrupted");
    expect(hintFor({ ...task, status: "cancelled" })).toBeUndefined();
  });
});
