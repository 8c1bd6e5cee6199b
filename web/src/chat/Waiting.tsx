import { Tooltip } from "@mantine/core";

import { useFormat } from "@/i18n";
import { useNow } from "@/ui/TimeAgo";

import classes from "./Answer.module.css";
import { Figures } from "./Figures";
import { useT } from "./i18n";
import type { Answer } from "./types";

/** Below this, a wait is none. */
const WORTH_SAYING_MS = 1_500;

/** While more is to come: a drop that pulses once for each heartbeat, how long it took so far, and how fast it comes. */
export function Waiting({ answer, askedAt }: { answer: Answer; askedAt: number }) {
  const t = useT();
  const format = useFormat();
  const now = useNow(500);
  const waited = Math.max(0, now - askedAt);
  const words = waited < WORTH_SAYING_MS ? t("waiting") : t("waitingFor", { time: format.duration(Math.floor(waited / 1000) * 1000) });
  return (
    <div className={classes.waiting}>
      <Tooltip label={t("beats", { n: answer.beats })} disabled={answer.beats === 0} position="top-start">
        <span className={classes.drop} data-testid="pulse" data-beats={answer.beats}>
          {/* A new element for each beat, so that the animation begins anew. */}
          {answer.beats > 0 && <span key={answer.beats} className={classes.ring} />}
        </span>
      </Tooltip>
      {answer.firstMs === null ? (
        <div className={classes.wait}>
          <span>{words}</span>
          {answer.beats > 0 && <span className={classes.beats}>{t("beats", { n: answer.beats })}</span>}
        </div>
      ) : (
        <Figures answer={answer} elapsedMs={waited} />
      )}
    </div>
  );
}
