import { Alert, Button, Center, Group, Loader, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconArrowLeft, IconPlayerStop } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { Link } from "react-router";

import { useFormat } from "@/i18n";
import { api, asApiError } from "@/lib/api";
import { useStore } from "@/lib/persisted";
import { useApi } from "@/lib/useApi";
import { Card } from "@/ui/Card";
import { confirm } from "@/ui/confirm";
import { CopyButton } from "@/ui/CopyButton";
import { Page } from "@/ui/Page";
import { useNow } from "@/ui/TimeAgo";

import { gateway, gatewayS } from "./clock";
import { EventContent } from "./EventContent";
import { EventTable } from "./EventTable";
import { Facts } from "./Facts";
import { Forgotten } from "./Forgotten";
import { largestGap } from "./geometry";
import { useT } from "./i18n";
import { COLOURS, GROUPS, groupOf } from "./kinds";
import { OutcomeBadge, stateOf } from "./Outcome";
import palette from "./Palette.module.css";
import classes from "./StreamDetail.module.css";
import { isOver, type Story } from "./timeline";
import { isCutOff, useTimeline } from "./useTimeline";
import { ALL, range, type View } from "./viewport";
import { Waterfall } from "./Waterfall";
import { WaterfallTools } from "./WaterfallTools";

/** One stream, as it goes on. */
export function StreamDetail({ requestId }: { requestId: string }) {
  const t = useT();
  const followed = useTimeline(requestId);
  const { story, error } = followed;
  const runs = story !== undefined && !isOver(story);
  const isUntold = error !== undefined && story === undefined;
  const recorded = useApi("/api/records/{request_id}", { path: { request_id: requestId } }, { off: !isUntold });
  return (
    <Page
      title={story?.summary.model ?? recorded.data?.model ?? requestId}
      layout="wide"
      admin
      beside={story && <State story={story} />}
      actions={
        <>
          <Button component={Link} to="/streams" variant="default" leftSection={<IconArrowLeft size={16} aria-hidden />}>
            {t("back")}
          </Button>
          {runs && (
            <Button color="red" variant="light" leftSection={<IconPlayerStop size={16} aria-hidden />} onClick={() => void cancel(t, requestId)}>
              {t("cancel")}
            </Button>
          )}
        </>
      }
    >
      {isUntold && <Forgotten error={error} recorded={recorded} />}
      {story === undefined && error === undefined && (
        <Center py={64}>
          <Loader type="dots" />
        </Center>
      )}
      {isCutOff(followed) && (
        <Alert color="gate" variant="light" mb="md">
          {t(error?.status === 404 ? "lost" : "cutOff")}
        </Alert>
      )}
      {story && <Content story={story} />}
    </Page>
  );
}

function State({ story }: { story: Story }) {
  const nowMs = useElapsed(story);
  const last = story.events.at(-1)?.ms ?? null;
  return <OutcomeBadge size="lg" state={stateOf({ ...story.summary, worker: 0 }, last === null ? null : nowMs - last)} />;
}

function Content({ story }: { story: Story }) {
  const t = useT();
  const nowMs = useElapsed(story);
  const record = useRecord(story);
  const [view, setView] = useState<View>(ALL);
  const [selected, setSelected] = useState<number | undefined>();
  const gap = largestGap(story);
  const toGap = gap && (() => setView(range(gap.from - (gap.to - gap.from) * 0.15, gap.to + (gap.to - gap.from) * 0.15, nowMs)));
  const { summary } = story;
  return (
    <Stack gap="md" className={palette.palette}>
      <Description story={story} />
      {summary.outcome !== null && summary.outcome !== "ok" && (
        <div className={classes.notice} data-calm={summary.outcome === "client_gone" || undefined}>
          <Text fw={650}>{summary.error_code ?? t(`outcome_${summary.outcome}`)}</Text>
          <Text size="sm">{t(`why_${summary.outcome}`)}</Text>
          {record?.error_message && (
            <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
              {record.error_message}
            </Text>
          )}
        </div>
      )}
      <Card>
        <Facts story={story} nowMs={nowMs} record={record} onGap={toGap} />
      </Card>
      <Card title={t("timeline")} actions={<WaterfallTools view={view} nowMs={nowMs} runs={!isOver(story)} onView={setView} onGap={toGap} />}>
        <Waterfall story={story} nowMs={nowMs} view={view} onView={setView} selected={selected} onSelect={setSelected} />
        <Legend story={story} />
      </Card>
      <Card title={t("events")}>
        {story.missed > 0 && (
          <Text size="sm" c="dimmed" mb="xs">
            {t("missed", { n: story.missed })}
          </Text>
        )}
        {story.lost_marks > 0 && (
          <Text size="sm" c="dimmed" mb="xs">
            {t("lostMarks", { n: story.lost_marks })}
          </Text>
        )}
        <div className={classes.events}>
          <EventTable story={story} selected={selected} onSelect={setSelected} />
          <EventContent story={story} selected={selected} onSelect={setSelected} />
        </div>
      </Card>
    </Stack>
  );
}

function Description({ story: { summary } }: { story: Story }) {
  const t = useT();
  const format = useFormat();
  const facts = [
    summary.path,
    t("started", { time: format.moment(summary.started) }),
    t("from", { client: summary.client }),
    ...(summary.key === null ? [] : [t("withKey", { key: summary.key })]),
    ...(summary.upstream === null ? [] : [t("viaUpstream", { upstream: summary.upstream })]),
    ...(summary.upstream_model === null || summary.upstream_model === summary.model ? [] : [t("asModel", { model: summary.upstream_model })]),
    ...(summary.finish_reason === null ? [] : [t("endedBecause", { reason: summary.finish_reason })]),
    ...(summary.status === 0 ? [] : [`HTTP ${summary.status}`]),
  ];
  return (
    <div>
      <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
        {facts.join(" · ")}
      </Text>
      <Group gap={4}>
        <Text size="sm" c="dimmed" ff="monospace">
          {summary.request_id}
        </Text>
        <CopyButton value={summary.request_id} />
      </Group>
    </div>
  );
}

/** How long it has been running by the gateway's clock, or did. */
function useElapsed(story: Story): number {
  const nowMs = useNow(200);
  const { summary, phases } = story;
  const known = Math.max(phases.last_event_ms ?? 0, story.marks.at(-1)?.ms ?? 0);
  if (summary.outcome !== null) return phases.duration_ms ?? known;
  return Math.max(known, (gatewayS(nowMs) - summary.started) * 1000);
}

/** A record is written about a second after the end; asking earlier would be in vain. */
const WRITTEN_MS = 3_000;

function useRecord(story: Story) {
  const { hasRecords } = useStore(gateway);
  const { outcome, started, duration_ms, request_id } = story.summary;
  const [isWritten, setWritten] = useState(false);
  useEffect(() => {
    if (outcome === null) return;
    const sinceMs = (gatewayS(Date.now()) - started) * 1000 - (duration_ms ?? 0);
    const timer = window.setTimeout(() => setWritten(true), Math.max(0, WRITTEN_MS - sinceMs));
    return () => window.clearTimeout(timer);
  }, [outcome, started, duration_ms]);
  return useApi("/api/records/{request_id}", { path: { request_id } }, { off: !isWritten || !hasRecords }).data;
}

async function cancel(t: ReturnType<typeof useT>, request_id: string): Promise<void> {
  if (!(await confirm({ title: t("cancelAsk"), text: t("cancelText"), yes: t("cancelYes"), danger: true }))) return;
  try {
    await api.post("/api/streams/{request_id}/cancel", { path: { request_id } });
    notifications.show({ message: t("cancelled") });
  } catch (thrown) {
    notifications.show({ color: "red", message: asApiError(thrown).message });
  }
}

function Legend({ story }: { story: Story }) {
  const t = useT();
  const present = new Set(story.events.map((event) => groupOf(event.kind)));
  return (
    <ul className={palette.legend} aria-label={t("legend")}>
      {GROUPS.filter((group) => present.has(group)).map((group) => (
        <li key={group}>
          <span className={palette.dot} style={{ background: COLOURS[group] }} />
          {t(`group_${group}`)}
        </li>
      ))}
    </ul>
  );
}
