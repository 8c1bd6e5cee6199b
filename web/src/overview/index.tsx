import { Alert, Anchor, Stack, Text } from "@mantine/core";
import { IconShieldCheck } from "@tabler/icons-react";
import { Link } from "react-router";

import { useFormat } from "@/i18n";
import type { Overview, UpstreamHealth } from "@/lib/api";
import { useApi } from "@/lib/useApi";
import { useStreams } from "@/streams/live";
import { OutcomeBadge } from "@/streams/Outcome";
import { isBroken } from "@/streams/table";
import { Async } from "@/ui/Async";
import { Card, Stat } from "@/ui/Card";
import { EmptyState } from "@/ui/EmptyState";
import { Page } from "@/ui/Page";
import { TimeAgo } from "@/ui/TimeAgo";
import { healthOf } from "@/upstreams/health";
import { HealthBadge } from "@/upstreams/HealthBadge";

import { Charts } from "./Charts";
import { DayCharts } from "./DayCharts";
import { useT } from "./i18n";
import classes from "./Overview.module.css";

const EVERY_MS = 2_000;
const MOST_BROKEN = 6;

/** How the gateway is, at a glance. */
export default function OverviewPage() {
  const t = useT();
  const loaded = useApi("/api/overview", {}, { everyMs: EVERY_MS });
  return (
    <Page title={t("title")} layout="wide" admin>
      <Async from={loaded}>
        {(overview) => (
          <Stack gap={14}>
            <Warnings overview={overview} />
            <Figures overview={overview} />
            <div className={classes.charts}>
              <Charts waiting={overview.queued} />
              <DayCharts />
            </div>
            <div className={classes.pair}>
              <Upstreams upstreams={overview.upstreams} />
              <Broken />
            </div>
            <Foot overview={overview} />
          </Stack>
        )}
      </Async>
    </Page>
  );
}

function Warnings({ overview }: { overview: Overview }) {
  const t = useT();
  const missing = overview.workers - overview.heard.length;
  const said = [
    ...(overview.draining ? [t("draining")] : []),
    ...(missing > 0 ? [t("unheard", { n: missing, all: overview.workers })] : []),
    ...(overview.last_hour === null ? [t("noRecords")] : []),
  ];
  return said.map((words) => (
    <Alert key={words} color="gate" variant="light" role="status">
      {words}
    </Alert>
  ));
}

function Figures({ overview: { in_flight, queued, last_hour } }: { overview: Overview }) {
  const t = useT();
  const format = useFormat();
  const share = last_hour && last_hour.requests > 0 ? last_hour.errors / last_hour.requests : 0;
  return (
    <div className={classes.stats}>
      <Stat
        label={t("inFlight")}
        value={format.count(in_flight)}
        detail={queued > 0 ? t("queued", { n: queued }) : t("noneQueued")}
        {...(queued > 0 ? { tone: "warn" } : {})}
      />
      {last_hour && (
        <>
          <Stat label={t("requests")} value={format.short(last_hour.requests)} detail={t("lastHour")} />
          <Stat
            label={t("errors")}
            value={format.short(last_hour.errors)}
            detail={last_hour.errors > 0 ? t("errorShare", { share: format.percent(share) }) : t("noErrors")}
            tone={last_hour.errors > 0 ? "bad" : "good"}
          />
          <Stat label={t("firstEvent")} value={format.duration(last_hour.first_event_ms)} detail={t("mean")} />
          <Stat
            label={t("tokens")}
            value={format.short(last_hour.input_tokens + last_hour.output_tokens)}
            detail={t("tokensSplit", { input: format.short(last_hour.input_tokens), output: format.short(last_hour.output_tokens) })}
          />
          <Stat label={t("cost")} value={format.money(last_hour.cost)} detail={t("lastHour")} />
        </>
      )}
    </div>
  );
}

function Upstreams({ upstreams }: { upstreams: readonly UpstreamHealth[] }) {
  const t = useT();
  return (
    <Card
      title={t("upstreams")}
      actions={
        <Anchor component={Link} to="/upstreams" size="sm">
          {t("allUpstreams")}
        </Anchor>
      }
    >
      {upstreams.map((upstream) => (
        <div key={upstream.name} className={classes.line}>
          <Text className={classes.name ?? ""} fw={600} truncate>
            {upstream.name}
          </Text>
          <Text size="sm" c="dimmed" className="sw-numbers">
            {upstream.in_flight > 0 && t("busy", { n: upstream.in_flight })}
          </Text>
          <HealthBadge health={healthOf(upstream)} />
        </div>
      ))}
    </Card>
  );
}

function Broken() {
  const t = useT();
  const { table, loaded } = useStreams();
  const broken = [...table.rows.values()]
    .map((row) => row.stream)
    .filter(isBroken)
    .sort((a, b) => b.started - a.started);
  return (
    <Card
      title={t("brokenStreams")}
      actions={
        broken.length > 0 && (
          <Anchor component={Link} to="/streams?view=broken" size="sm">
            {t("allBroken")}
          </Anchor>
        )
      }
    >
      {loaded && broken.length === 0 && (
        <EmptyState title={t("noneBroken")} icon={IconShieldCheck}>
          {t("noneBrokenWhy")}
        </EmptyState>
      )}
      {broken.slice(0, MOST_BROKEN).map((stream) => (
        <Link key={stream.request_id} to={`/streams/${encodeURIComponent(stream.request_id)}`} className={classes.line}>
          <div className={classes.name}>
            <Text fw={600} truncate>
              {stream.model ?? stream.path}
            </Text>
            <Text size="xs" c="dimmed" truncate>
              {[stream.error_code, stream.upstream, stream.key].filter(Boolean).join(" · ")}
            </Text>
          </div>
          {stream.outcome !== null && <OutcomeBadge state={stream.outcome} />}
          <Text size="sm" c="dimmed" className={classes.ago} component="div">
            <TimeAgo at={stream.started} />
          </Text>
        </Link>
      ))}
    </Card>
  );
}

function Foot({ overview }: { overview: Overview }) {
  const t = useT();
  const format = useFormat();
  return (
    <Text size="sm" c="dimmed" ta="center" mt="sm">
      {t("footer", { version: overview.version, uptime: format.duration(Math.floor(overview.uptime_s) * 1000) })} ·{" "}
      {t("workers", { n: overview.workers })}
    </Text>
  );
}
