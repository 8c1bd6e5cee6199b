/** What probably happened, from how it ended and how long it had run: pure, and told in words elsewhere. */

import type { Task } from "./task";

export type Hint =
  | "nginx"
  | "cloudflare"
  | "gateway_timeout"
  | "network"
  | "truncated"
  | "key"
  | "limited"
  | "moderated"
  | "model"
  | "too_large"
  | "no_picture"
  | "parameter"
  | "upstream"
  | "interrupted"
  | "draining"
  | "ended"
  | "event_too_large";

/** How far from a proxy's limit an end still looks like it: clocks differ, and connecting takes its time. */
const NGINX_S = [57, 66] as const;
const CLOUDFLARE_S = [97, 130] as const;

/**
 * The likeliest cause first; undefined where there is nothing to say.
 *
 * Once an answer is a stream its status was 200 whatever came then, and for pictures the gateway begins at once: so what
 * the error calls itself has to tell as much as a status would.
 */
export function hintFor(task: Pick<Task, "status" | "problem" | "startedAt" | "lastSignAt" | "endedAt">): Hint | undefined {
  if (task.status === "interrupted") return "interrupted";
  const problem = task.problem;
  if (problem === null) return undefined;
  const status = problem.status ?? 0;
  const code = problem.code ?? "";
  const called = `${code} ${problem.type ?? ""}`;
  if (status === 524 || status === 522) return "cloudflare";
  // A proxy's own limit shows in the time, whatever it then says: a page of its own, or a broken connection.
  if (code.startsWith("network") || code === "upstream_truncated" || status === 504 || status === 502 || status === 408) {
    if (lasted(task, NGINX_S)) return "nginx";
    if (lasted(task, CLOUDFLARE_S)) return "cloudflare";
  }
  if (code.startsWith("upstream_timeout")) return "gateway_timeout";
  if (code === "upstream_truncated" || code === "upstream_invalid") return "truncated";
  if (code.startsWith("network")) return "network";
  if (code === "draining" || code === "event_too_large") return code;
  if (code === "cancelled") return "ended";
  if (code === "no_picture" || code === "incomplete") return "no_picture";
  if (/moderation|content_policy|safety/.test(called)) return "moderated";
  if (status === 401 || status === 403 || /invalid_api_key|authentication|permission/.test(called)) return "key";
  if (status === 429 || /rate_?limit|quota|overloaded/.test(called)) return "limited";
  if (status === 413 || called.includes("too_large")) return "too_large";
  if (status === 404 || /model_not_found|not_found_error/.test(called) || problem.param === "model") return "model";
  if (status === 400 || status === 422 || /invalid_request|invalid_value/.test(called)) return "parameter";
  if (status >= 500 || /upstream_|server_error|api_error|internal_error/.test(called)) return "upstream";
  return undefined;
}

/** In all, or since the last sign of life: proxies count from either. */
function lasted({ startedAt, lastSignAt, endedAt }: Pick<Task, "startedAt" | "lastSignAt" | "endedAt">, [least, most]: readonly [number, number]): boolean {
  if (startedAt === null || endedAt === null) return false;
  return [startedAt, lastSignAt ?? startedAt].some((since) => endedAt - since >= least * 1000 && endedAt - since <= most * 1000);
}
