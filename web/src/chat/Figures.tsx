import { Tooltip } from "@mantine/core";

import { useFormat } from "@/i18n";

import { speed } from "./answer";
import { useT } from "./i18n";
import classes from "./Thread.module.css";
import type { Answer } from "./types";

/** Pauses below this are a model's own rhythm. */
const WORTH_SAYING_MS = 3_000;

/** How long an answer took and what it used; of one that still comes, so far. */
export function Figures({ answer, elapsedMs }: { answer: Answer; elapsedMs: number }) {
  const t = useT();
  const format = useFormat();
  const fast = speed(answer, elapsedMs);
  const running = answer.status === "running";
  const silentMs = running && answer.lastMs !== null ? elapsedMs - answer.lastMs : 0;
  const { input, output, reasoning, cached } = answer.usage;
  const known = (count: number | null) => format.count(count);
  return (
    <div className={`${classes.figures} sw-numbers`} data-testid={running ? "figures-so-far" : "figures"}>
      {answer.firstMs !== null && (
        <span>
          {t("firstToken")} <b>{format.duration(answer.firstMs)}</b>
        </span>
      )}
      {fast && (
        <Tooltip label={fast.of === "tokens" ? t("speedTokens") : t("speedEvents")}>
          <b>{fast.of === "tokens" ? t("perSecond", { n: rounded(fast.perS) }) : t("eventsPerSecond", { n: rounded(fast.perS) })}</b>
        </Tooltip>
      )}
      {answer.endMs !== null && (
        <span>
          {t("total")} <b>{format.duration(answer.endMs)}</b>
        </span>
      )}
      {running && elapsedMs >= 1000 && (
        <span>
          {t("elapsed")} <b>{format.duration(Math.max(elapsedMs, answer.lastMs ?? 0))}</b>
        </span>
      )}
      {(input !== null || output !== null) && (
        <Tooltip label={t("tokensDetail", { input: known(input), cached: known(cached), output: known(output), reasoning: known(reasoning) })}>
          <span>{t("tokens", { input: known(input), output: known(output) })}</span>
        </Tooltip>
      )}
      {answer.finish !== "" && (
        <Tooltip label={t("finish", { reason: answer.finish })}>
          <span>{answer.finish}</span>
        </Tooltip>
      )}
      {silentMs >= WORTH_SAYING_MS && <span className={classes.silent}>{t("silentFor", { time: format.duration(Math.floor(silentMs / 1000) * 1000) })}</span>}
    </div>
  );
}

function rounded(perS: number): number {
  return perS < 10 ? Math.round(perS * 10) / 10 : Math.round(perS);
}
