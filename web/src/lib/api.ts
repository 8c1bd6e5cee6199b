/**
 * The gateway, from the page: `/api` with the admin key and its own types, `/v1` with a profile's key and streams.
 *
 *     const { keys } = await api.get("/api/keys");
 *     await api.post("/api/keys/{name}/revoke", { path: { name } });
 *     const answer = await stream("/chat/completions", { model, messages, stream: true }, { onEvent });
 */

import { admin } from "./admin";
import { ApiError, asApiError, errorOf, isAbort } from "./errors";
import { currentProfile, endpoint, type Profile } from "./profiles";
import type * as Sparse from "./schema";
import type { Operations } from "./schema";
import { type SseEvent, SseParser } from "./sse";

export { ApiError, asApiError, errorIn, isAbort } from "./errors";
export type * from "./schema";

/** With all their fields: what an answer leaves out, since it has its usual value, is for the reader to fill in. */
export type TimelineEvent = Required<Sparse.TimelineEvent>;
export type Moment = Required<Sparse.Moment>;

type Method = "GET" | "POST" | "PATCH";
type PathsOf<M extends Method> = keyof Operations extends infer K ? (K extends `${M} ${infer P}` ? P : never) : never;
type Of<M extends Method, P extends string> = `${M} ${P}` extends keyof Operations ? Operations[`${M} ${P}`] : never;

export type Answer<M extends Method, P extends string> = Of<M, P>["answer"];
export type GetPath = PathsOf<"GET">;
export type PostPath = PathsOf<"POST">;

export interface Asked<M extends Method, P extends string> {
  /** The names in braces in the path. */
  path?: Of<M, P>["path"];
  query?: Of<M, P>["query"];
  body?: Of<M, P>["body"];
  signal?: AbortSignal | undefined;
}

type Names = Readonly<Record<string, string>>;
type QueryValue = string | number | boolean | readonly string[] | null | undefined;

/** Each throws an `ApiError`, or the `AbortError` of its signal. */
export const api = {
  get: <P extends PathsOf<"GET">>(path: P, asked: Asked<"GET", P> = {}) => call("GET", path, asked),
  post: <P extends PathsOf<"POST">>(path: P, asked: Asked<"POST", P> = {}) => call("POST", path, asked),
  patch: <P extends PathsOf<"PATCH">>(path: P, asked: Asked<"PATCH", P> = {}) => call("PATCH", path, asked),
};

/** The address of an operation, for links to files (which send no key: only from the machine itself). */
export function apiUrl(path: string, names: Names = {}, query: object = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(names[name] ?? ""));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query as Record<string, QueryValue>)) {
    const text = Array.isArray(value) ? value.join(",") : String((value ?? ""));
    if (text !== "") search.set(name, text);
  }
  return search.size > 0 ? `${filled}?${search.toString()}` : filled;
}

/** The response of an operation whose answer is a file, as `GET /api/records/export`. */
export function apiFetch(path: string, init: RequestInit = {}): Promise<Response> {
  const { key } = admin.get();
  const headers = new Headers(init.headers);
  if (key) headers.set("authorization", `Bearer ${key}`);
  return opened(path, { ...init, headers }, (error) => {
    if (error.status === 401) admin.set((before) => (before.key === key ? { ...before, locked: true } : before));
  });
}

async function call<M extends Method, P extends string>(method: M, path: P, asked: Asked<M, P>): Promise<Answer<M, P>> {
  const init: RequestInit = { method, signal: asked.signal ?? null };
  if (method !== "GET") {
    init.headers = { "content-type": "application/json" };
    init.body = JSON.stringify(asked.body ?? {});
  }
  const response = await apiFetch(apiUrl(path, asked.path, asked.query), init);
  return (await whole(response)) as Answer<M, P>;
}

// ── streams of models ──────────────────────────────────────────────────────────────────────────────────────

export interface StreamOptions {
  signal?: AbortSignal | undefined;
  /** Default: the one in use. */
  profile?: Profile | undefined;
  headers?: Record<string, string>;
  /** The status line is there, before any event. */
  onOpen?: (response: Response) => void;
  onEvent: (event: SseEvent) => void;
  /** Comments: heartbeats. */
  onComment?: (text: string) => void;
}

/** `stream`: events came, and were told. `json`: the answer came in one piece, which is `value`. */
export type Streamed =
  | { kind: "stream"; events: number; response: Response }
  | { kind: "json"; value: unknown; response: Response };

/**
 * POST to a path under `/v1`, as `/images/generations`, and tell its events as they come.
 *
 * `body`: what becomes JSON, or a `FormData`. Throws an `ApiError` (also if the connection breaks in the middle), or
 * the `AbortError` of the signal. Errors *within* the stream are events like any other: see `errorIn`.
 */
export async function stream(path: string, body: object, options: StreamOptions): Promise<Streamed> {
  const { url, headers } = endpoint(options.profile ?? currentProfile(), path);
  const form = body instanceof FormData;
  const response = await opened(url, {
    method: "POST",
    headers: { ...(form ? {} : { "content-type": "application/json" }), ...headers, ...options.headers },
    body: form ? body : JSON.stringify(body),
    signal: options.signal ?? null,
  });
  options.onOpen?.(response);
  if (!isEventStream(response)) return { kind: "json", value: await whole(response), response };
  return { kind: "stream", events: await readEvents(response, options), response };
}

/** GET a path under `/v1`, as `/models`. */
export async function model(path: string, options: { signal?: AbortSignal; profile?: Profile } = {}): Promise<unknown> {
  const { url, headers } = endpoint(options.profile ?? currentProfile(), path);
  return whole(await opened(url, { headers, signal: options.signal ?? null }));
}

/** Read an event stream to its end; answers with the number of its events. */
export async function readEvents(
  response: Response,
  to: Pick<StreamOptions, "onEvent" | "onComment">,
): Promise<number> {
  const parser = new SseParser();
  let events = 0;
  const tell = (items: ReturnType<SseParser["feed"]>) => {
    for (const item of items) {
      if (item.kind === "comment") to.onComment?.(item.text);
      else {
        events += 1;
        to.onEvent(item);
      }
    }
  };
  const reader = response.body?.getReader();
  if (reader === undefined) return 0;
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) tell(parser.feed(piece.value));
    tell(parser.end());
  } catch (thrown) {
    // Nobody reads on: let the gateway know, which then lets the provider know.
    void reader.cancel().catch(() => undefined);
    if (isAbort(thrown)) throw thrown;
    throw asApiError(thrown);
  }
  return events;
}

// ── live views of /api ─────────────────────────────────────────────────────────────────────────────────────

export interface FollowOptions {
  signal: AbortSignal;
  query?: object;
  /** The `data` of each event, decoded. */
  onData: (data: unknown, event: SseEvent) => void;
  /** `true`: events come; `false`: the connection was lost, and is tried again. */
  onConnected?: (connected: boolean) => void;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

/**
 * Follow a live view, as `/api/streams/events`, until the signal says stop: comes back with the last event's id after
 * a break, ever more slowly. Ends by itself with an `ApiError` where trying again is no use (4xx), or, with
 * `once`, when the stream ends well.
 */
export async function follow(path: string, options: FollowOptions & { once?: boolean }): Promise<void> {
  let since: string | undefined;
  let pause = FIRST_PAUSE_MS;
  while (!options.signal.aborted) {
    try {
      const url = apiUrl(path, {}, { ...options.query, ...(since === undefined ? {} : { since }) });
      const response = await apiFetch(url, { signal: options.signal });
      options.onConnected?.(true);
      await readEvents(response, {
        onEvent(event) {
          pause = FIRST_PAUSE_MS;
          if (event.id) since = event.id;
          options.onData(JSON.parse(event.data), event);
        },
      });
      if (options.once) return;
    } catch (thrown) {
      if (isAbort(thrown)) return;
      if (thrown instanceof ApiError && thrown.status >= 400 && thrown.status < 500) throw thrown;
    }
    options.onConnected?.(false);
    await sleep(pause, options.signal);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

// ── below ──────────────────────────────────────────────────────────────────────────────────────────────────

async function opened(url: string, init: RequestInit, refused?: (error: ApiError) => void): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, cache: "no-store", credentials: "omit", redirect: "error" });
  } catch (thrown) {
    throw isAbort(thrown) ? thrown : asApiError(thrown);
  }
  if (response.ok) return response;
  const error = await errorOf(response);
  refused?.(error);
  throw error;
}

/** The JSON of a response. */
async function whole(response: Response): Promise<unknown> {
  let text: string;
  try {
    text = await response.text();
  } catch (thrown) {
    throw isAbort(thrown) ? thrown : asApiError(thrown);
  }
  try {
    return JSON.parse(text);
  } catch {
    const requestId = response.headers.get("x-request-id");
    throw new ApiError({ message: "the answer is no JSON", status: response.status, raw: text, requestId });
  }
}

function isEventStream(response: Response): boolean {
  return (response.headers.get("content-type") ?? "").toLowerCase().startsWith("text/event-stream");
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
