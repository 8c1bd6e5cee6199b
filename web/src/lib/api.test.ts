import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { admin } from "./admin";
import { api, apiUrl, ApiError, follow, stream } from "./api";

const json = (value: unknown, status = 200) =>
  new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json" } });

/** A response whose body comes in these pieces; it breaks off if the last one is an error. */
function events(...pieces: (string | Error)[]): Response {
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = pieces.shift();
      if (next === undefined) controller.close();
      else if (next instanceof Error) controller.error(next);
      else controller.enqueue(new TextEncoder().encode(next));
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8" } });
}

const fetched = vi.fn<typeof fetch>();

const asked = (call = 0) => {
  const [url, init] = fetched.mock.calls[call] ?? [];
  return { url, init, headers: new Headers(init?.headers) };
};

beforeEach(() => {
  fetched.mockReset();
  vi.stubGlobal("fetch", fetched);
  admin.set({ key: "", locked: false, turn: 0 });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("names in a path are encoded, lists joined, and what is empty left out", () => {
  const query = { group: ["day", "key"], since: 0, broken: false, model: "", key: undefined, none: [] };
  expect(apiUrl("/api/keys/{name}/revoke", { name: "a/b ü" }, query)).toBe(
    "/api/keys/a%2Fb%20%C3%BC/revoke?group=day%2Ckey&since=0&broken=false",
  );
});

test("the admin key goes along, and an answer is what it is", async () => {
  admin.set({ key: "secret", locked: false, turn: 1 });
  fetched.mockResolvedValueOnce(json({ keys: [], required: false }));
  expect(await api.get("/api/keys")).toEqual({ keys: [], required: false });
  expect(asked().headers.get("authorization")).toBe("Bearer secret");
  expect(asked().init).toMatchObject({ credentials: "omit", method: "GET" });
});

test("what changes something is sent as JSON", async () => {
  fetched.mockResolvedValueOnce(json({}));
  await api.post("/api/upstreams/{name}/drain", { path: { name: "x" } });
  expect(asked().url).toBe("/api/upstreams/x/drain");
  expect(asked().headers.get("content-type")).toBe("application/json");
  expect(asked().init?.body).toBe("{}");
});

test("being refused locks, unless another key was given meanwhile", async () => {
  const refusal = () => json({ error: { message: "no", code: "invalid_api_key" } }, 401);
  fetched.mockImplementation(() => Promise.resolve(refusal()));
  await expect(api.get("/api/keys")).rejects.toMatchObject({ status: 401, code: "invalid_api_key" });
  expect(admin.get().locked).toBe(true);

  admin.set({ key: "", locked: false, turn: 1 });
  const running = api.get("/api/keys");
  admin.set({ key: "new", locked: false, turn: 2 });
  await expect(running).rejects.toThrow("no");
  expect(admin.get().locked).toBe(false);
});

test("an answer that is no JSON, and none at all, are errors", async () => {
  fetched.mockResolvedValueOnce(new Response("<html>", { headers: { "x-request-id": "req_1" } }));
  await expect(api.get("/api/keys")).rejects.toMatchObject({ raw: "<html>", requestId: "req_1" });
  fetched.mockRejectedValueOnce(new TypeError("Failed to fetch"));
  await expect(api.get("/api/keys")).rejects.toMatchObject({ code: "network" });
});

test("a stream tells its events and heartbeats in order", async () => {
  fetched.mockResolvedValueOnce(events(": heart", "beat\n\nda", "ta: 1\n\n", "event: x\ndata: 2"));
  const told: string[] = [];
  const answer = await stream(
    "/chat/completions",
    { model: "m" },
    { onEvent: ({ event, data }) => told.push(`${event} ${data}`), onComment: (text) => told.push(text) },
  );
  expect(told).toEqual(["heartbeat", "message 1", "x 2"]);
  expect(answer).toMatchObject({ kind: "stream", events: 2 });
  expect(asked().url).toBe("/v1/chat/completions");
  expect(asked().headers.get("authorization")).toBeNull();
});

test("an admin key is none for models", async () => {
  admin.set({ key: "secret", locked: false, turn: 1 });
  fetched.mockResolvedValueOnce(json({ data: [] }));
  const answer = await stream("/images/edits", new FormData(), { onEvent: () => undefined });
  expect(answer).toMatchObject({ kind: "json", value: { data: [] } });
  expect(asked().headers.get("authorization")).toBeNull();
  expect(asked().headers.get("content-type")).toBeNull();
});

test("a stream that breaks off is an error, after what came before it", async () => {
  fetched.mockResolvedValueOnce(events("data: 1\n\n", new TypeError("network error")));
  const told: string[] = [];
  const running = stream("/responses", {}, { onEvent: ({ data }) => told.push(data) });
  await expect(running).rejects.toMatchObject({ code: "network" });
  expect(told).toEqual(["1"]);
});

test("a live view comes back with the last id, more slowly each time, and stops when told", async () => {
  vi.useFakeTimers();
  const stop = new AbortController();
  fetched
    .mockResolvedValueOnce(events("id: a\ndata: 1\n\n"))
    .mockRejectedValueOnce(new TypeError("away"))
    .mockResolvedValueOnce(events("id: b\ndata: 2\n\n"))
    .mockImplementation(() => Promise.reject(new TypeError("away")));
  const told: unknown[] = [];
  const states: boolean[] = [];
  const running = follow("/api/streams/events", {
    signal: stop.signal,
    query: { order: "newest" },
    onData: (data) => told.push(data),
    onConnected: (connected) => states.push(connected),
  });
  await vi.advanceTimersByTimeAsync(499);
  expect(fetched).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(fetched).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(1000);
  expect(fetched.mock.calls.map(([url]) => url)).toEqual([
    "/api/streams/events?order=newest",
    "/api/streams/events?order=newest&since=a",
    "/api/streams/events?order=newest&since=a",
  ]);
  expect(told).toEqual([1, 2]);
  expect(states.slice(0, 4)).toEqual([true, false, false, true]);
  stop.abort();
  await running;
});

test("a live view that is refused does not come back", async () => {
  fetched.mockResolvedValueOnce(json({ error: { message: "no such stream" } }, 404));
  const running = follow("/api/streams/x/events", { signal: new AbortController().signal, onData: () => undefined });
  await expect(running).rejects.toBeInstanceOf(ApiError);
});

test("a live view that is over is over, where once is enough", async () => {
  fetched.mockResolvedValueOnce(events("data: 1\n\n"));
  await follow("/api/streams/x/events", { signal: new AbortController().signal, onData: () => undefined, once: true });
  expect(fetched).toHaveBeenCalledTimes(1);
});
