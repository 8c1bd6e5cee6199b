/** One task's request, from sending it to its end: what the network says becomes events of the task. */

import { asApiError, isAbort, type Problem } from "@/lib/errors";
import { stream } from "@/lib/api";
import type { Profile } from "@/lib/profiles";

import { blobOf, keep } from "./db";
import { requestFor, type Upload } from "./params";
import { extensionOf, fromBase64 } from "./pictures";
import { Reader, type Told } from "./reader";
import type { Picture, Task, TaskEvent } from "./task";

export interface Running {
  profile: Profile;
  signal: AbortSignal;
  tell: (event: TaskEvent) => void;
}

/** Until the task has ended; never throws. */
export async function run(task: Task, { profile, signal, tell }: Running): Promise<void> {
  const now = () => Date.now();
  tell({ type: "started", at: now() });
  const reader = new Reader();
  // Pictures are decoded and kept one after the other, so that what is told is told in order.
  let work = Promise.resolve();
  let problem: Problem | undefined;
  let begun = false as boolean;
  const take = (told: readonly Told[]) => {
    work = work.then(async () => {
      for (const one of told) {
        if (one.kind === "problem") problem ??= one.problem;
        else if (!signal.aborted) await show(one, tell, signal);
      }
    });
    // Whoever awaits it hears of it; until then it is nobody's loss.
    work.catch(() => undefined);
  };
  try {
    const { path, body } = await requestFor({ ...task.asked, ...(await uploads(task)) });
    const answer = await stream(path, body, {
      profile,
      signal,
      onOpen(response) {
        begun = true;
        const isStream = (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
        tell({ type: "opened", at: now(), form: isStream ? "stream" : "json", requestId: response.headers.get("x-request-id") });
      },
      onComment: () => tell({ type: "heartbeat", at: now() }),
      onEvent: (event) => take(reader.readText(event.data)),
    });
    if (answer.kind === "json") take(reader.read(answer.value));
    await work;
    problem ??= reader.end();
    tell(problem === undefined ? { type: "finished", at: now() } : { type: "failed", at: now(), problem: { ...problem } });
  } catch (thrown) {
    if (isAbort(thrown) || signal.aborted) {
      tell({ type: "cancelled", at: now() });
      return;
    }
    await work.catch(() => undefined);
    const { message, status, type, param, code, raw, requestId, retryAfterS } = asApiError(thrown);
    const broken = begun && code === "network" ? { message: `the connection broke in mid-answer (${message})`, code: "network_broken" } : {};
    tell({ type: "failed", at: now(), problem: problem ?? { message, status, type, param, code, raw, requestId, retryAfterS, ...broken } });
  }
}

async function show(told: Exclude<Told, { kind: "problem" }>, tell: Running["tell"], signal: AbortSignal): Promise<void> {
  const at = Date.now();
  switch (told.kind) {
    case "facts":
      tell({ type: "facts", at, usage: told.usage, words: told.words, actual: told.actual });
      return;
    case "preview":
      tell({ type: "preview", at, preview: { index: told.index, blob: fromBase64(told.base64) }, actual: told.actual });
      return;
    case "picture":
    case "address": {
      const blob = told.kind === "picture" ? fromBase64(told.base64) : await fetched(told.url, signal);
      tell({ type: "result", at, picture: await keep(blob), actual: told.actual, revisedPrompt: told.revisedPrompt });
    }
  }
}

async function fetched(url: string, signal: AbortSignal): Promise<Blob> {
  if (url.startsWith("data:")) return fromBase64(url);
  const response = await fetch(url, { signal, credentials: "omit", referrerPolicy: "no-referrer" });
  if (!response.ok) throw new Error(`the picture's address answered ${response.status}: ${url}`);
  return response.blob();
}

async function uploads({ asked }: Task): Promise<{ references: Upload[]; mask: Upload | null }> {
  const upload = async ({ hash, mime }: Picture, name: string): Promise<Upload> => {
    const blob = await blobOf(hash);
    if (blob === undefined) throw new Error(`the browser no longer has the picture ${name}`);
    return { blob, name: `${name}.${extensionOf(mime)}` };
  };
  const references = await Promise.all(asked.references.map((one, index) => upload(one, `reference-${index + 1}`)));
  return { references, mask: asked.mask && (await upload(asked.mask, "mask")) };
}
