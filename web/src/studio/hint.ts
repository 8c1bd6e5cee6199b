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
  | "draining";

/** How far from a proxy's limit an end still looks like it: clocks differ, and connecting takes its time. */
const NGINX_S = [57, 66] as const;
const CLOUDFLARE_S = [97, 130] as const;

/** The likeliest cause first; undefined where there is nothing to say. */
export function hintFor(task: Pick<Task, "status" | "problem" | "startedAt" | "endedAt">): Hint | undefined {
  if (task.status === "interrupted") return "interrupted";
  const problem = task.problem;
  if (problem === null) return undefined;
  const status = problem.status ?? 0;
  const code = problem.code ?? "";
  const seconds = ((task.endedAt ?? 0) - (task.startedAt ?? 0)) / 1000;
  if (status === 524 || status === 522) return "cloudflare";
  // A proxy's own limit shows in the time, whatever it then says: a page of its own, or a broken connection.
  const broke = code === "network" || code === "upstream_truncated" || status === 504 || status === 502 || status === 408;
  if (broke && seconds >= NGINX_S[0] && seconds <= NGINX_S[1]) return "nginx";
  if (broke && seconds >= CLOUDFLARE_S[0] && seconds <= CLOUDFLARE_S[1]) return "cloudflare";
  if (code === "upstream_timeout") return "gateway_timeout";
  if (code === "upstream_truncated" || code === "upstream_invalid") return "truncated";
  if (code === "network") return "network";
  if (code === "draining") return "draining";
  if (code === "no_picture" || code === "incomplete") return "no_picture";
  if (/moderation|content_policy|safety/.test(`${code} ${problem.type ?? ""}`)) return "moderated";
  if (status === 401 || status === 403 || code === "invalid_api_key") return "key";
  if (status === 429 || code === "rate_limited" || code === "gateway_overloaded") return "limited";
  if (status === 413 || code === "body_too_large") return "too_large";
  if (status === 404 || code === "model_not_found" || problem.param === "model") return "model";
  if (status === 400 || status === 422) return "parameter";
  if (status >= 500 || code === "upstream_unreachable") return "upstream";
  return undefined;
}
