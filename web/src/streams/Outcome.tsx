import { Badge, Tooltip } from "@mantine/core";

import type { Stream } from "@/lib/api";

import { useT } from "./i18n";
import type { Outcome } from "./table";
import classes from "./Outcome.module.css";

export type State = Outcome | "running" | "waiting" | "silent";

const TONES: Readonly<Record<State, "good" | "warn" | "bad" | "live" | "still">> = {
  running: "live",
  waiting: "warn",
  silent: "warn",
  ok: "good",
  client_gone: "still",
  cancelled: "warn",
  draining: "warn",
  refused: "warn",
  overloaded: "bad",
  truncated: "bad",
  timeout: "bad",
  upstream_error: "bad",
  unreachable: "bad",
  invalid: "bad",
  failed: "bad",
};

/** Silence, in one that runs, that is worth a word. */
const SILENT_MS = 2_000;

export function stateOf(stream: Stream, silence: number | null): State {
  if (stream.outcome !== null) return stream.outcome;
  if (stream.first_event_ms === null) return "waiting";
  return silence !== null && silence >= SILENT_MS ? "silent" : "running";
}

/** How it is, or how it ended, in a word; why, on hovering. */
export function OutcomeBadge({ state, detail, size = "md" }: { state: State; detail?: string; size?: "md" | "lg" }) {
  const t = useT();
  const isOver = state !== "running" && state !== "waiting" && state !== "silent";
  const words = isOver ? t(`outcome_${state}`) : t(state);
  const badge = (
    <Badge
      className={classes.badge ?? ""}
      data-tone={TONES[state]}
      data-state={state}
      size={size}
      variant="light"
      leftSection={isOver ? null : <span className={classes.dot} />}
    >
      {detail === undefined ? words : `${words} ${detail}`}
    </Badge>
  );
  return isOver ? <Tooltip label={t(`why_${state}`)}>{badge}</Tooltip> : badge;
}
