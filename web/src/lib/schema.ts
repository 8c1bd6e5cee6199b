// Made from src/sluiceway/console/ by `make docs`; changes belong there.

/** What the API under /api takes and answers. Moments are Unix seconds; `_s` are seconds, `_ms` milliseconds. */

/** A body that was kept, redacted. */
export interface Body {
  /** If it is UTF-8. */
  text: string | null;
  /** If it is not. */
  base64: string | null;
  /** Its bytes before anything was cut or replaced. */
  size: number;
  /** Nothing was cut off. */
  complete: boolean;
}

/** What was asked and answered. */
export interface Capture {
  request_id: string;
  /** Unix seconds. */
  started: number;
  method: string;
  path: string;
  /** The request's, without credentials. */
  headers: [string, string][];
  request: Body;
  response: Body;
  /** Its content type. */
  response_type: string;
  /** Of each piece of the answer: milliseconds since the request came, and bytes. */
  timing: [number, number][];
  /** How often something was replaced. */
  redacted: number;
}

/** What is wrong with it, all at once. */
export interface Checked {
  valid: boolean;
  problems: Trouble[];
}

/** What is in force. */
export interface Configuration {
  /** All settings, as in the configuration reference; secrets are `"…"`, hashes of keys left out. */
  settings: Record<string, unknown>;
  /** What it is read from; none: from the environment alone. */
  files: string[];
  /** When this process began, in Unix seconds. */
  started: number;
  /** There is something to be read again. */
  can_reload: boolean;
  /** Null if it was never read again. */
  last_reload: ReloadResult | null;
}

/** A configuration to be checked. */
export interface Draft {
  /** What `sluiceway.toml` would hold. */
  toml: string;
}

/** The request was told to end; its client gets an error in its proper form. */
export interface Ended {
  request_id: string;
}

/** Every error has this shape, which is that of the OpenAI API. */
export interface ErrorAnswer {
  error: ErrorBody;
}

/** What went wrong. `message` is for people, `code` for programs; `param` names the field at fault, if one is. */
export interface ErrorBody {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
}

/** One event, or one piece of a body that is no event stream. `number`: from 0, among all of its request. `size`: bytes; None where it can't be told. `gap_ms`: the silence before it; None before the first, and where what came before is forgotten. `together`: how many were written at once with it, itself included. `count`: how many it stands for, if their bytes are forgotten (kind `unread`). */
export interface TimelineEvent {
  number: number;
  ms: number;
  kind: string;
  size: number | null;
  gap_ms?: number | null;
  together?: number;
  count?: number;
  content?: string | null;
}

/** One key of a client. Moments are Unix seconds. */
export interface Key {
  name: string;
  state: "active" | "expired" | "revoked";
  /** What stands in the configuration file can only be changed there. */
  kept_in: "configuration" | "keys file";
  /** Null for those of the configuration file. */
  created: number | null;
  /** Since when; null if it is not. */
  revoked: number | null;
  /** The key that a rotation replaced works on until then; null: none does. */
  previous_until: number | null;
  /** Requests of it that run or wait in this process. */
  in_flight: number;
  /** Null if it has no limits, or nobody knows what is used of them. */
  use: KeyUse | null;
  settings: KeyRules;
}

/** What is to be changed of a key; the rest stays. As under `[[keys]]`. */
export interface KeyChanges {
  /** Who answers for it: a team, an address. Only shown. */
  owner?: string;
  /** When it stops working, as `2027-01-31` (its first moment, UTC) or `2027-01-31T12:00:00+01:00`. Empty: never. */
  expires?: string;
  /** Models it may ask for, names or globs, as clients write them. Empty: all. */
  models?: string[];
  /** APIs it may use. Empty: all, and the paths that belong to none, as `/v1/models` and `/v1/embeddings`. */
  dialects?: ("chat" | "images" | "messages" | "responses")[];
  /** Addresses or networks it may be used from, as `10.0.0.0/8`. Empty: anywhere. Behind a reverse proxy see `server.trusted_proxies`. */
  allowed_ips?: string[];
  /** Keep what it asks and is answered, where `capture.mode` is `"asked"`. */
  capture?: boolean;
  /** Its share of the turns when requests wait: a key with 4 gets four for each of a key with 1. No key is ever left out. */
  priority?: number;
  /** The most requests it may have running at once; more wait. 0 is unlimited. */
  max_in_flight?: number;
  /** A rate that may be used up at once and then grows back evenly; more is answered with 429 and `retry-after`. 0 is unlimited. */
  requests_per_minute?: number;
  /** The same for tokens, input and output together, as the upstream counted them. They are known only afterwards: what is over counts against the next requests. 0 is unlimited. */
  tokens_per_minute?: number;
  /** A budget of tokens, from midnight to midnight UTC. 0 is unlimited. */
  tokens_per_day?: number;
  /** A budget of tokens for each calendar month, UTC. 0 is unlimited. */
  tokens_per_month?: number;
  /** A budget of money, in the currency of `[[prices]]`, from midnight to midnight UTC. Models without a price cost nothing. 0 is unlimited. */
  cost_per_day?: number;
  /** A budget of money for each calendar month, UTC. 0 is unlimited. */
  cost_per_month?: number;
}

/** A key that was made, or changed. `api_key` is shown this once. */
export interface KeyMade {
  key: Key;
  /** The gateway goes by it already; if not, it was kept, and `problems` say why. */
  in_force: boolean;
  /** Why the configuration could not be read again. */
  problems: string[];
  /** The key itself, shown this once; null if it is the same. */
  api_key: string | null;
  /** It is the first key of all: from now on every client needs one. */
  first: boolean;
}

/** What a key may do; as under `[[keys]]`. */
export interface KeyRules {
  /** Who answers for it: a team, an address. Only shown. */
  owner: string;
  /** When it stops working, as `2027-01-31` (its first moment, UTC) or `2027-01-31T12:00:00+01:00`. Empty: never. */
  expires: string;
  /** Models it may ask for, names or globs, as clients write them. Empty: all. */
  models: string[];
  /** APIs it may use. Empty: all, and the paths that belong to none, as `/v1/models` and `/v1/embeddings`. */
  dialects: ("chat" | "images" | "messages" | "responses")[];
  /** Addresses or networks it may be used from, as `10.0.0.0/8`. Empty: anywhere. Behind a reverse proxy see `server.trusted_proxies`. */
  allowed_ips: string[];
  /** Keep what it asks and is answered, where `capture.mode` is `"asked"`. */
  capture: boolean;
  /** Its share of the turns when requests wait: a key with 4 gets four for each of a key with 1. No key is ever left out. */
  priority: number;
  /** The most requests it may have running at once; more wait. 0 is unlimited. */
  max_in_flight: number;
  /** A rate that may be used up at once and then grows back evenly; more is answered with 429 and `retry-after`. 0 is unlimited. */
  requests_per_minute: number;
  /** The same for tokens, input and output together, as the upstream counted them. They are known only afterwards: what is over counts against the next requests. 0 is unlimited. */
  tokens_per_minute: number;
  /** A budget of tokens, from midnight to midnight UTC. 0 is unlimited. */
  tokens_per_day: number;
  /** A budget of tokens for each calendar month, UTC. 0 is unlimited. */
  tokens_per_month: number;
  /** A budget of money, in the currency of `[[prices]]`, from midnight to midnight UTC. Models without a price cost nothing. 0 is unlimited. */
  cost_per_day: number;
  /** A budget of money for each calendar month, UTC. 0 is unlimited. */
  cost_per_month: number;
}

/** What is used of the limits that are set. */
export interface KeyUse {
  /** Of `requests_per_minute`, now; it falls back evenly. */
  requests: number;
  /** Of `tokens_per_minute`, now; it falls back evenly. */
  tokens: number;
  /** Since midnight UTC. */
  tokens_today: number;
  /** Since the first of the month, UTC. */
  tokens_this_month: number;
  /** In the currency of `[[prices]]`. */
  cost_today: number;
  /** In the currency of `[[prices]]`. */
  cost_this_month: number;
}

/** All keys. */
export interface Keys {
  keys: Key[];
  /** Clients need one: there are some, or there is a keys file. */
  required: boolean;
}

/** Something besides events; see `relay.observe.Mark`. `lasted_ms`: of a `pause` that is over, and of its `resume`. */
export interface Moment {
  ms: number;
  kind: string;
  detail?: string;
  lasted_ms?: number | null;
}

/** A key to be made; but for its name, the fields of `[[keys]]`. */
export interface NewKey {
  /** Who will use it; shown in logs and records. */
  name: string;
  /** Who answers for it: a team, an address. Only shown. */
  owner?: string;
  /** When it stops working, as `2027-01-31` (its first moment, UTC) or `2027-01-31T12:00:00+01:00`. Empty: never. */
  expires?: string;
  /** Models it may ask for, names or globs, as clients write them. Empty: all. */
  models?: string[];
  /** APIs it may use. Empty: all, and the paths that belong to none, as `/v1/models` and `/v1/embeddings`. */
  dialects?: ("chat" | "images" | "messages" | "responses")[];
  /** Addresses or networks it may be used from, as `10.0.0.0/8`. Empty: anywhere. Behind a reverse proxy see `server.trusted_proxies`. */
  allowed_ips?: string[];
  /** Keep what it asks and is answered, where `capture.mode` is `"asked"`. */
  capture?: boolean;
  /** Its share of the turns when requests wait: a key with 4 gets four for each of a key with 1. No key is ever left out. */
  priority?: number;
  /** The most requests it may have running at once; more wait. 0 is unlimited. */
  max_in_flight?: number;
  /** A rate that may be used up at once and then grows back evenly; more is answered with 429 and `retry-after`. 0 is unlimited. */
  requests_per_minute?: number;
  /** The same for tokens, input and output together, as the upstream counted them. They are known only afterwards: what is over counts against the next requests. 0 is unlimited. */
  tokens_per_minute?: number;
  /** A budget of tokens, from midnight to midnight UTC. 0 is unlimited. */
  tokens_per_day?: number;
  /** A budget of tokens for each calendar month, UTC. 0 is unlimited. */
  tokens_per_month?: number;
  /** A budget of money, in the currency of `[[prices]]`, from midnight to midnight UTC. Models without a price cost nothing. 0 is unlimited. */
  cost_per_day?: number;
  /** A budget of money for each calendar month, UTC. 0 is unlimited. */
  cost_per_month?: number;
}

/** No fields: `{}`, or no body at all. */
export type Nothing = Record<string, never>;

/** All workers that were heard, and, where records are kept, what all of them did in the last hour. */
export interface Overview {
  version: string;
  /** Which of the processes that share the port answers, from 0. */
  worker: number;
  /** How many there are. */
  workers: number;
  /** Whose figures are here. One that died, starts or is stuck is not among them. */
  heard: number[];
  /** When the first of them began, in Unix seconds. */
  started: number;
  uptime_s: number;
  /** Requests that run or wait. */
  in_flight: number;
  /** Those that wait for a place. */
  queued: number;
  /** It shuts down. */
  draining: boolean;
  upstreams: UpstreamHealth[];
  /** Of all requests; null if no records are kept, or the database is away. */
  last_hour: Totals | null;
}

/** When each began to be over; see `record.Record`. `committed_ms`: the status line left. */
export interface Phases {
  queued_ms: number;
  connect_ms: number | null;
  head_ms: number | null;
  committed_ms: number | null;
  committed_by: string | null;
  first_event_ms: number | null;
  first_content_ms: number | null;
  last_event_ms: number | null;
  duration_ms: number | null;
}

/** How far a running request is; see `timeline.Summary`. */
export interface Progress {
  request_id: string;
  upstream: string | null;
  attempts: number;
  status: number;
  events: number;
  heartbeats: number;
  first_event_ms: number | null;
  first_content_ms: number | null;
  last_event_ms: number | null;
  largest_gap_ms: number | null;
  paused: boolean;
}

/** See the module. None means that it did not happen, or was not said. */
export interface RequestRecord {
  request_id: string;
  started: number;
  method: string;
  path: string;
  outcome: "cancelled" | "client_gone" | "draining" | "failed" | "invalid" | "ok" | "overloaded" | "refused" | "timeout" | "truncated" | "unreachable" | "upstream_error";
  client: string;
  key: string | null;
  dialect: string | null;
  model: string | null;
  upstream: string | null;
  upstream_model: string | null;
  translated_to: string | null;
  dropped: string[];
  stream: boolean;
  status: number;
  upstream_status: number | null;
  upstream_request_id: string | null;
  committed_by: string | null;
  error_code: string | null;
  error_message: string | null;
  finish_reason: string | null;
  client_left: boolean;
  attempts: Try[];
  retries: number;
  hedged: boolean;
  continued: number;
  queued_ms: number;
  connect_ms: number | null;
  head_ms: number | null;
  first_event_ms: number | null;
  first_content_ms: number | null;
  last_event_ms: number | null;
  duration_ms: number;
  events: number;
  largest_gap_ms: number | null;
  bytes_in: number;
  bytes_out: number;
  heartbeats: number;
  usage: Usage | null;
  usage_estimated: boolean;
  cost: number | null;
  traceparent: string | null;
}

/** A page, the newest first. */
export interface Records {
  records: RequestRecord[];
  /** Of the next page; null if this is the last. */
  cursor: string | null;
}

/** How reading the configuration again went. What was not valid has changed nothing. */
export interface ReloadResult {
  /** Unix seconds. */
  at: number;
  reason: string;
  /** What was read is in force. */
  ok: boolean;
  /** What is different, in words; no secrets. */
  changes: string[];
  /** Settings that only a restart applies. */
  needs_restart: string[];
  /** Why it is not in force. */
  problems: string[];
}

/** How a key is replaced. */
export interface Rotation {
  /** How long the old one works on, in seconds; 0: not at all. */
  grace_s?: number;
}

/** A request in a line. While it runs (`outcome` is null), numbers are those so far. */
export interface Stream {
  request_id: string;
  started: number;
  path: string;
  stream: boolean;
  client: string;
  key: string | null;
  dialect: string | null;
  model: string | null;
  upstream: string | null;
  upstream_model: string | null;
  attempts: number;
  outcome: "cancelled" | "client_gone" | "draining" | "failed" | "invalid" | "ok" | "overloaded" | "refused" | "timeout" | "truncated" | "unreachable" | "upstream_error" | null;
  error_code: string | null;
  finish_reason: string | null;
  status: number;
  events: number;
  heartbeats: number;
  bytes_out: number | null;
  first_event_ms: number | null;
  first_content_ms: number | null;
  last_event_ms: number | null;
  largest_gap_ms: number | null;
  duration_ms: number | null;
  paused: boolean;
  /** Which of the processes that share the port it runs in, from 0. */
  worker: number;
}

/** What is new since a cursor. */
export interface StreamChanges {
  began: Stream[];
  progressed: Progress[];
  ended: Stream[];
  /** Requests that are not told here: they are too many, or forgotten already. */
  missed: number;
  /** Workers that are others than at the cursor. Forget their streams: those that run are in `began`. */
  restarted: number[];
  /** Workers whose streams are here. One that died, starts or is stuck is not among them. */
  heard: number[];
  /** The cursor to go on from. */
  next: string;
}

/** Those of all workers that were heard. */
export interface Streams {
  /** They run; the newest first. */
  live: Stream[];
  /** They are over. */
  recent: Stream[];
  /** Workers whose streams are here. One that died, starts or is stuck is not among them. */
  heard: number[];
}

/** A request in a line; see `record.Record`. While it runs (`outcome` is None), numbers are those so far. */
export interface Summary {
  request_id: string;
  started: number;
  path: string;
  stream: boolean;
  client: string;
  key: string | null;
  dialect: string | null;
  model: string | null;
  upstream: string | null;
  upstream_model: string | null;
  attempts: number;
  outcome: "cancelled" | "client_gone" | "draining" | "failed" | "invalid" | "ok" | "overloaded" | "refused" | "timeout" | "truncated" | "unreachable" | "upstream_error" | null;
  error_code: string | null;
  finish_reason: string | null;
  status: number;
  events: number;
  heartbeats: number;
  bytes_out: number | null;
  first_event_ms: number | null;
  first_content_ms: number | null;
  last_event_ms: number | null;
  largest_gap_ms: number | null;
  duration_ms: number | null;
  paused: boolean;
}

/** What happened in a request, or happened since a cursor. phases: see `Phases`. missed: events since the cursor that are forgotten. lost_marks: marks of this request that were never kept. more: there are further events already. next: the cursor to go on from. */
export interface Timeline {
  summary: Summary;
  phases: Phases;
  attempts: Try[];
  marks: Moment[];
  events: TimelineEvent[];
  missed: number;
  lost_marks: number;
  more: boolean;
  next: string;
}

/** Sums over the requests of some time. */
export interface Totals {
  requests: number;
  /** Those whose outcome is not `ok`, `client_gone` or `cancelled`. */
  errors: number;
  /** As upstreams counted them; never estimated. */
  input_tokens: number;
  /** As upstreams counted them; never estimated. */
  output_tokens: number;
  /** In the currency of `[[prices]]`. */
  cost: number;
  /** The mean time to the first event; null if there was none. */
  first_event_ms: number | null;
}

/** One thing to put right. */
export interface Trouble {
  /** The key, as `upstreams[1].base_url`; empty: the whole. */
  path: string;
  message: string;
  /** How; may be empty. */
  hint: string;
}

/** One attempt. `key`: which of the upstream's keys, from 0. `after_ms`: when it began. `connect_ms`: how long connecting took, None on a kept connection. `head_ms`, `first_event_ms`, `over_ms`: since it began. `error_code`: why it failed, None for the one that answered or was not needed any more. */
export interface Try {
  upstream: string;
  key: number | null;
  after_ms: number;
  connect_ms: number | null;
  head_ms: number | null;
  first_event_ms: number | null;
  status: number | null;
  error_code: string | null;
  over_ms: number | null;
}

/** One upstream, as all workers together know it; each finds out for itself. */
export interface Upstream {
  name: string;
  /** An administrator wants it to take nothing new. */
  drained: boolean;
  /** The worst of `workers`. */
  circuit: "closed" | "half_open" | "open";
  /** The latest of `workers`; null while closed. */
  circuit_until: number | null;
  /** Requests that all of them are busy with. */
  in_flight: number;
  /** The mean over those workers that know it; null: unknown. */
  first_event_s: number | null;
  /** Its own keys, each with the latest of `workers`. */
  keys: UpstreamKey[];
  /** The latest of `workers`. */
  keys_rest_until: number | null;
  /** Each by itself. One that died, starts or is stuck is not among them. */
  workers: UpstreamHere[];
  /** As under `[[upstreams]]`, with all that is inherited; secrets are `"…"`. `stream` by API. */
  settings: Record<string, unknown>;
}

/** An upstream in short; see `listUpstreams`. */
export interface UpstreamHealth {
  name: string;
  circuit: "closed" | "half_open" | "open";
  drained: boolean;
  in_flight: number;
}

/** One upstream, as one of the processes that share the port knows it. */
export interface UpstreamHere {
  /** Which of the processes, from 0. */
  worker: number;
  /** An administrator wants it to take nothing new. */
  drained: boolean;
  /** `closed`: requests pass; `open`: it is left alone; `half_open`: one request tries it. */
  circuit: "closed" | "half_open" | "open";
  /** Until then it is left alone, in Unix seconds; null while closed. */
  circuit_until: number | null;
  /** Requests that it is busy with. */
  in_flight: number;
  /** The mean time to its first event lately, failures counted as slow; null: unknown. */
  first_event_s: number | null;
  /** Its own keys; none where clients bring theirs. */
  keys: UpstreamKey[];
  /** Some of them rest until then, perhaps for one model only. In Unix seconds. */
  keys_rest_until: number | null;
}

/** One of its keys. */
export interface UpstreamKey {
  /** Its place in `api_keys`, from 0. */
  index: number;
  /** It was refused (401, 402, 403), and rests until then, in Unix seconds. */
  refused_until: number | null;
}

/** All of them, in the order of the configuration. */
export interface Upstreams {
  upstreams: Upstream[];
}

/** Tokens as the upstream counted them; never estimated. `None` means that the upstream did not say. `input_tokens` includes cached ones in the OpenAI dialects; each dialect documents its own reading. `image_tokens` are those of images among input and output. */
export interface Usage {
  input_tokens?: number | null;
  output_tokens?: number | null;
  total_tokens?: number | null;
  cached_tokens?: number | null;
  reasoning_tokens?: number | null;
  image_tokens?: number | null;
}

/** Sums, in the order of `group`. */
export interface UsageAnswer {
  rows: UsageRow[];
  /** False: there are more than 10000 rows; ask for less. */
  complete: boolean;
}

/** Sums over all requests of a group. What it was not grouped by is None, as is what requests had none of. errors: requests whose outcome is not ok, client_gone or cancelled. counted: requests whose tokens the upstream counted, `*_tokens`; estimated: those whose tokens were estimated, `estimated_*`. duration_ms: of all together; first_event_ms: of the `first_events` that had one. */
export interface UsageRow {
  day: string | null;
  key: string | null;
  model: string | null;
  upstream: string | null;
  requests: number;
  errors: number;
  counted: number;
  input_tokens: number;
  output_tokens: number;
  total_tokens: number;
  cached_tokens: number;
  reasoning_tokens: number;
  image_tokens: number;
  estimated: number;
  estimated_input_tokens: number;
  estimated_output_tokens: number;
  estimated_total_tokens: number;
  cost: number;
  duration_ms: number;
  first_events: number;
  first_event_ms: number;
  bytes_in: number;
  bytes_out: number;
}

/** Each operation: what its path, query and body hold, and what it answers. */
export interface Operations {
  "GET /api/overview": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    answer: Overview;
  };
  "GET /api/records": {
    path: Record<string, never>;
    query: { since?: number; until?: number; key?: string; model?: string; upstream?: string; dialect?: string; outcome?: "cancelled" | "client_gone" | "draining" | "failed" | "invalid" | "ok" | "overloaded" | "refused" | "timeout" | "truncated" | "unreachable" | "upstream_error"; status?: number; error_code?: string; failed?: boolean; stream?: boolean; text?: string; min_duration_ms?: number; min_first_event_ms?: number; limit?: number; cursor?: string };
    body: undefined;
    answer: Records;
  };
  "GET /api/records/export": {
    path: Record<string, never>;
    query: { since?: number; until?: number; key?: string; model?: string; upstream?: string; dialect?: string; outcome?: "cancelled" | "client_gone" | "draining" | "failed" | "invalid" | "ok" | "overloaded" | "refused" | "timeout" | "truncated" | "unreachable" | "upstream_error"; status?: number; error_code?: string; failed?: boolean; stream?: boolean; text?: string; min_duration_ms?: number; min_first_event_ms?: number; format?: "csv" | "jsonl" };
    body: undefined;
    answer: string;
  };
  "GET /api/records/{request_id}": {
    path: { request_id: string };
    query: Record<string, never>;
    body: undefined;
    answer: RequestRecord;
  };
  "GET /api/records/{request_id}/capture": {
    path: { request_id: string };
    query: Record<string, never>;
    body: undefined;
    answer: Capture;
  };
  "GET /api/usage": {
    path: Record<string, never>;
    query: { group?: ("day" | "key" | "model" | "upstream")[]; since?: string; until?: string; key?: string; model?: string; upstream?: string };
    body: undefined;
    answer: UsageAnswer;
  };
  "GET /api/streams": {
    path: Record<string, never>;
    query: { state?: "all" | "live" | "recent"; outcomes?: ("cancelled" | "client_gone" | "draining" | "failed" | "invalid" | "ok" | "overloaded" | "refused" | "timeout" | "truncated" | "unreachable" | "upstream_error")[]; broken?: boolean; stream?: boolean; key?: string; model?: string; upstream?: string; order?: "first_event" | "gap" | "newest"; limit?: number };
    body: undefined;
    answer: Streams;
  };
  "GET /api/streams/events": {
    path: Record<string, never>;
    query: { since?: string };
    body: undefined;
    answer: StreamChanges;
  };
  "GET /api/streams/{request_id}": {
    path: { request_id: string };
    query: { since?: string };
    body: undefined;
    answer: Timeline;
  };
  "GET /api/streams/{request_id}/events": {
    path: { request_id: string };
    query: { since?: string };
    body: undefined;
    answer: Timeline;
  };
  "POST /api/streams/{request_id}/cancel": {
    path: { request_id: string };
    query: Record<string, never>;
    body: Nothing;
    answer: Ended;
  };
  "GET /api/upstreams": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    answer: Upstreams;
  };
  "POST /api/upstreams/{name}/drain": {
    path: { name: string };
    query: Record<string, never>;
    body: Nothing;
    answer: Upstream;
  };
  "POST /api/upstreams/{name}/enable": {
    path: { name: string };
    query: Record<string, never>;
    body: Nothing;
    answer: Upstream;
  };
  "GET /api/keys": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    answer: Keys;
  };
  "POST /api/keys": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: NewKey;
    answer: KeyMade;
  };
  "PATCH /api/keys/{name}": {
    path: { name: string };
    query: Record<string, never>;
    body: KeyChanges;
    answer: KeyMade;
  };
  "POST /api/keys/{name}/revoke": {
    path: { name: string };
    query: Record<string, never>;
    body: Nothing;
    answer: KeyMade;
  };
  "POST /api/keys/{name}/rotate": {
    path: { name: string };
    query: Record<string, never>;
    body: Rotation;
    answer: KeyMade;
  };
  "GET /api/config": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    answer: Configuration;
  };
  "POST /api/config/validate": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: Draft;
    answer: Checked;
  };
  "POST /api/config/reload": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: Nothing;
    answer: ReloadResult;
  };
  "GET /api/openapi.json": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    answer: Record<string, unknown>;
  };
}
