import { Center, Loader, Text } from "@mantine/core";
import { lazy, type ReactNode, Suspense, useEffect, useMemo } from "react";

import { useFormat } from "@/i18n";
import { store, useStore } from "@/lib/persisted";
import { gatewayS } from "@/streams/clock";
import { live } from "@/streams/live";
import { Card } from "@/ui/Card";
import { useNow } from "@/ui/TimeAgo";

import { useT } from "./i18n";
import classes from "./Overview.module.css";
import { type Dots, dotsOf, MOST, type Sample, sampled } from "./samples";

const LiveChart = lazy(() => import("./LiveChart"));

/** Kept while one looks at other pages, but not sampled there: only what is seen is followed. */
const samples = store<readonly Sample[]>([]);

const LATELY_S = 1800;

/** What goes on, as lines that move, and how the last requests did, each a dot. `waiting`: those without a place. */
export function Charts({ waiting }: { waiting: number }) {
  const t = useT();
  const { table } = useStore(live);
  const nowS = useNow(1000) / 1000;
  useEffect(() => {
    samples.set((before) => sampled(before, { table: live.get().table, waiting }, nowS));
    // One a second, whenever the number of those that wait is learnt.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [nowS]);
  // The table changes several times a second; dots of the past do not.
  const slowS = Math.floor(gatewayS(nowS * 1000) / 2) * 2;
  const size = table.rows.size;
  const [first, gaps] = useMemo(
    () => (["first_event_ms", "largest_gap_ms"] as const).map((measure) => dotsOf(live.get().table, measure, slowS - LATELY_S)),
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [slowS, size],
  );
  return (
    <>
      <Now nowS={nowS} />
      {first && <DotsCard title={t("firstEvents")} label={t("chartFirst")} dots={first} nowS={slowS} />}
      {gaps && <DotsCard title={t("gaps")} label={t("chartGaps")} dots={gaps} nowS={slowS} />}
    </>
  );
}

function Now({ nowS }: { nowS: number }) {
  const t = useT();
  const format = useFormat();
  const known = useStore(samples);
  const xs = useMemo(() => known.map((one) => one.atS), [known]);
  const last = known.at(-1);
  // It begins with a minute, and grows to as much as is kept.
  const span = [Math.max(nowS - MOST, Math.min(nowS - 60, xs[0] ?? nowS)), nowS] as const;
  return (
    <Card title={t("now")} actions={<Figures running={last?.running ?? 0} waiting={last?.waiting ?? 0} eventsPerS={last?.eventsPerS ?? null} />}>
      <Drawn>
        <LiveChart
          xs={xs}
          span={span}
          label={t("chartNow")}
          lines={[
            { label: t("running"), color: "--sw-accent", values: known.map((one) => one.running) },
            { label: t("waiting"), color: "--sw-warn", values: known.map((one) => one.waiting) },
          ]}
          format={(value) => format.short(value)}
          formatTime={(at) => format.time(at)}
        />
      </Drawn>
    </Card>
  );
}

function Figures({ running, waiting, eventsPerS }: { running: number; waiting: number; eventsPerS: number | null }) {
  const t = useT();
  const format = useFormat();
  return (
    <Text size="xs" c="dimmed" component="div" className={classes.legend}>
      <span data-tone="fine">{t("runningCount", { n: format.count(running) })}</span>
      <span data-tone="warn">{t("waitingCount", { n: format.count(waiting) })}</span>
      <span>{t("eventsPerS", { n: format.count(eventsPerS) })}</span>
    </Text>
  );
}

function DotsCard({ title, label, dots, nowS }: { title: string; label: string; dots: Dots; nowS: number }) {
  const t = useT();
  const format = useFormat();
  return (
    <Card
      title={title}
      actions={
        <Text size="xs" c="dimmed" component="div" className={classes.legend}>
          <span data-tone="fine">{t("complete")}</span>
          <span data-tone="broken">{t("broken")}</span>
        </Text>
      }
    >
      {dots.xs.length === 0 ? (
        <Nothing>{t("noDots")}</Nothing>
      ) : (
        <Drawn>
          <LiveChart
            label={label}
            xs={dots.xs}
            span={[Math.min(nowS - 120, dots.xs[0] ?? nowS) - 5, nowS + 5]}
            lines={[
              { label: t("complete"), color: "--sw-accent", values: dots.fine, dots: true },
              { label: t("broken"), color: "--sw-bad", values: dots.broken, dots: true },
            ]}
            format={(value) => format.duration(value)}
            formatTime={(at) => format.time(at)}
            logarithmic
          />
        </Drawn>
      )}
    </Card>
  );
}

/** In the room of a chart. */
export function Nothing({ children }: { children: ReactNode }) {
  return (
    <Center h={150}>
      <Text size="sm" c="dimmed" ta="center">
        {children}
      </Text>
    </Center>
  );
}

export function Drawn({ children }: { children: ReactNode }) {
  return (
    <Suspense
      fallback={
        <Center h={150}>
          <Loader type="dots" size="sm" />
        </Center>
      }
    >
      {children}
    </Suspense>
  );
}
