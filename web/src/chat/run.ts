/** One answer, asked for and read to its end: what it adds comes in batches, so that a fast model does not drown the page. */

import { asApiError, isAbort, stream } from "@/lib/api";
import type { Problem } from "@/lib/errors";
import type { Profile } from "@/lib/profiles";

import { ended, grown } from "./answer";
import { readerOf } from "./readers";
import type { Request } from "./request";
import type { Answer, Delta, Dialect } from "./types";

/** How often the page is drawn anew: often enough to look like flowing. */
const BATCH_MS = 40;

/** Runs until the answer has ended, in whichever way; never throws. */
export async function run(
  dialect: Dialect,
  request: Request,
  profile: Profile,
  signal: AbortSignal,
  change: (how: (answer: Answer) => Answer) => void,
): Promise<void> {
  const began = performance.now();
  const now = () => performance.now() - began;
  const reader = readerOf(dialect);
  let waiting: { delta: Delta; ms: number }[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const batch = waiting;
    waiting = [];
    if (batch.length > 0) change((answer) => batch.reduce((grew, { delta, ms }) => grown(grew, delta, ms), answer));
  };
  const take = (deltas: Delta[]) => {
    const ms = now();
    for (const delta of deltas) waiting.push({ delta, ms });
    timer ??= setTimeout(flush, BATCH_MS);
  };

  try {
    const streamed = await stream(request.path, request.body, {
      profile,
      signal,
      headers: request.headers,
      onOpen: (response) => change((answer) => ({ ...answer, requestId: response.headers.get("x-request-id") ?? "" })),
      onEvent: (event) => take(reader.read(event)),
      onComment: () => take([{ kind: "beat" }]),
    });
    take(streamed.kind === "json" ? reader.whole(streamed.value) : reader.end());
    flush();
    // A JSON answer that is none of this dialect.
    change((answer) => ended(answer, "done", now()));
  } catch (thrown) {
    flush();
    if (isAbort(thrown)) change((answer) => ended(answer, "stopped", now()));
    else change((answer) => ended(answer, "error", now(), problemOf(thrown)));
  }
}

/** What can be kept in a database. */
function problemOf(thrown: unknown): Problem {
  const { message, status, type, param, code, raw, requestId, retryAfterS } = asApiError(thrown);
  return { message, status, type, param, code, raw, requestId, retryAfterS };
}
