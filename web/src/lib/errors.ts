/** What went wrong in a request, whoever said so: the gateway, a provider, a proxy on the way, the browser. */

export interface Problem {
  message: string;
  /** Status of the response; 0: there was none. */
  status?: number;
  type?: string;
  param?: string | null;
  /** For programs, as `upstream_timeout`; `network`: no response came. */
  code?: string | null;
  /** The body as it came. */
  raw?: string;
  requestId?: string | null;
  /** How long to wait before another try, in seconds, if the response said so. */
  retryAfterS?: number | null;
}

export class ApiError extends Error {
  readonly status: number;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
  readonly raw: string;
  readonly requestId: string | null;
  readonly retryAfterS: number | null;

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.message, options);
    this.name = "ApiError";
    this.status = problem.status ?? 0;
    this.type = problem.type ?? "";
    this.param = problem.param ?? null;
    this.code = problem.code ?? null;
    this.raw = problem.raw ?? "";
    this.requestId = problem.requestId ?? null;
    this.retryAfterS = problem.retryAfterS ?? null;
  }
}

/** The error of a response that is none of success; reads its body. */
export async function errorOf(response: Response): Promise<ApiError> {
  let raw = "";
  try {
    raw = await response.text();
  } catch {
    // The status alone has to do.
  }
  const said = errorIn(parsed(raw));
  return new ApiError({
    message: said?.message ?? pageTitle(raw) ?? (`${response.status} ${response.statusText}`.trim() || "no answer"),
    ...said,
    status: response.status,
    raw,
    requestId: response.headers.get("x-request-id"),
    retryAfterS: Number.parseFloat(response.headers.get("retry-after") ?? "") || null,
  });
}

/**
 * The error that a value holds, in the form of any dialect: `{"error": {"message", …}}`, `{"error": "…"}`,
 * or `{"type": "error", "message", "code"}`; `undefined` if it is none. For events within streams, too.
 */
export function errorIn(value: unknown): Problem | undefined {
  if (!isObject(value)) return undefined;
  const inner = value.error;
  if (typeof inner === "string") return { message: inner };
  const source = isObject(inner) ? inner : value.type === "error" ? value : undefined;
  if (source === undefined) return undefined;
  const text = (name: string) => (typeof source[name] === "string" ? source[name] : undefined);
  return {
    message: text("message") ?? text("code") ?? text("type") ?? "error",
    type: text("type") ?? "",
    param: text("param") ?? null,
    code: text("code") ?? (typeof source.code === "number" ? String(source.code) : null),
  };
}

/** Whatever was thrown, as an `ApiError`. An abort stays what it is: see `isAbort`. */
export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  // `fetch` throws a TypeError for everything that kept it from an answer.
  return new ApiError({ message, code: thrown instanceof TypeError ? "network" : null, raw: String(thrown) }, { cause: thrown });
}

/** Whether it was stopped on purpose. */
export function isAbort(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === "AbortError";
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parsed(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return undefined;
  }
}

/** Of the pages that nginx and CDNs answer with. */
function pageTitle(raw: string): string | undefined {
  return /<title>\s*([^<]{1,200}?)\s*<\/title>/i.exec(raw)?.[1];
}
