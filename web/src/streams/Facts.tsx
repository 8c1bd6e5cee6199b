import { Text, UnstyledButton } from "@mantine/core";
import type { ReactNode } from "react";

import { useFormat } from "@/i18n";
import type { RequestRecord } from "@/lib/api";

import classes from "./Facts.module.css";
import { SLOW_MS } from "./filter";
import { useT } from "./i18n";
import { isOver, type Story } from "./timeline";

interface Props {
  story: Story;
  nowMs: number;
  /** Once it is over, and where records are kept. */
  record: RequestRecord | undefined;
  onGap: (() => void) | undefined;
}

/** The figures of a stream, the telling ones first. */
export function Facts({ story, nowMs, record, onGap }: Props) {
  const t = useT();
  const format = useFormat();
  const { summary, phases } = story;
  const over = isOver(story);
  const last = story.events.at(-1)?.ms ?? phases.last_event_ms;
  const silence = over || last === null ? null : Math.max(0, nowMs - last);
  const first = phases.first_event_ms ?? (over ? null : nowMs);
  const flowS = ((last ?? 0) - (phases.first_event_ms ?? 0)) / 1000;
  const perSecond = summary.events > 2 && flowS > 0 ? t("perSecond", { n: Number((summary.events / flowS).toFixed(flowS > 10 ? 0 : 1)) }) : undefined;
  const usage = record?.usage;
  return (
    <dl className={classes.facts}>
      <Fact name={t(over ? "fact_duration" : "fact_running")} value={format.duration(over ? phases.duration_ms : nowMs)} />
      <Fact name={t("fact_first")} value={format.duration(first)} tone={toneOf(first)} />
      {phases.first_content_ms !== null && <Fact name={t("fact_content")} value={format.duration(phases.first_content_ms)} />}
      <Fact name={t("fact_gap")} value={format.duration(summary.largest_gap_ms)} tone={toneOf(summary.largest_gap_ms)} onClick={onGap} hint={t("zoomGap")} />
      {silence !== null && silence >= 2000 && <Fact name={t("fact_silent")} value={format.duration(silence)} tone="warn" />}
      <Fact name={t("fact_events")} value={format.count(summary.events)} detail={perSecond} />
      <Fact name={t("fact_heartbeats")} value={format.count(summary.heartbeats)} detail={summary.heartbeats > 0 ? t("heartbeatsWhy") : undefined} />
      {summary.bytes_out !== null && <Fact name={t("fact_size")} value={format.bytes(summary.bytes_out)} />}
      {usage && (
        <Fact name={t("fact_tokens")} value={`${format.count(usage.input_tokens)} / ${format.count(usage.output_tokens)}`} />
      )}
      {record?.cost != null && <Fact name={t("fact_cost")} value={format.money(record.cost)} />}
    </dl>
  );
}

function toneOf(ms: number | null): "warn" | undefined {
  return ms !== null && ms >= SLOW_MS ? "warn" : undefined;
}

function Fact(props: { name: string; value: ReactNode; detail?: string | undefined; tone?: "warn" | undefined; hint?: string; onClick?: (() => void) | undefined }) {
  const { name, value, detail, tone, hint, onClick } = props;
  return (
    <div className={classes.fact}>
      <Text component="dt" size="xs" c="dimmed">
        {name}
      </Text>
      <Text component="dd" m={0} fz={19} fw={650} className="sw-numbers" c={tone === "warn" ? "var(--sw-warn)" : undefined}>
        {onClick ? (
          <UnstyledButton className={classes.link} onClick={onClick} title={hint} fz="inherit" fw="inherit">
            {value}
          </UnstyledButton>
        ) : (
          value
        )}
      </Text>
      {detail !== undefined && (
        <Text component="dd" m={0} size="xs" c="dimmed">
          {detail}
        </Text>
      )}
    </div>
  );
}
