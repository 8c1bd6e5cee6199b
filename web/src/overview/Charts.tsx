import { Center, Loader, Text } from "@mantine/core";
import { lazy, Suspense, useEffect, useMemo } from "react";

import { useFormat } from "@/i18n";
import { store, useStore } from "@/lib/persisted";
import { gatewayS } from "@/streams/clock";
import { live } from "@/streams/live";
import { Card } from "@/ui/Card";
import { useNow } from "@/ui/TimeAgo";

import { useT } from "./i18n";
import classes from "./Overview.module.css";
import { firstEvents, MOST, type Sample, sampled } from "./samples";

const LiveChart = lazy(() => import("./LiveChart"));

/** Kept while one looks at other pages, but not sampled there: only what is seen is followed. */
const samples = store<readonly Sample[]>([]);

const LATELY_S = 1800;

/** What goes on, as lines that move. */
export function Charts() {
  const t = useT();
  const format = useFormat();
  const known = useStore(samples);
  const { table } = useStore(live);
  const nowS = useNow(1000) / 1000;
  useEffect(() => {
    samples.set((before) => sampled(before, live.get().table, nowS));
  }, [nowS]);
  const xs = useMemo(() => known.map((one) => one.atS), [known]);
  const last = known.at(-1);
  // It begins with a minute, and grows to as much as is kept.
  const span = [Math.max(nowS - MOST, Math.min(nowS - 60, xs[0] ?? nowS)), nowS] as const;
  const common = { xs, span, formatTime: (at: number) => format.time(at) };
  // The table changes several times a second; dots of the past do not.
  const slowS = Math.floor(gatewayS(nowS * 1000) / 2) * 2;
  const size = table.rows.size;
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const dots = useMemo(() => firstEvents(live.get().table, slowS - LATELY_S), [slowS, size]);
  const from = Math.min(slowS - 120, dots.xs[0] ?? slowS);

  return (
    <div className={classes.charts}>
      <Card title={<Figure name={t("running")} value={format.count(last?.running ?? 0)} />}>
        <Drawn>
          <LiveChart
            {...common}
            label={t("chartRunning")}
            lines={[{ label: t("running"), color: "--sw-accent", values: known.map((one) => one.running) }]}
            format={(value) => format.short(value)}
          />
        </Drawn>
      </Card>
      <Card title={<Figure name={t("eventsPerS")} value={format.count(last?.eventsPerS ?? 0)} />}>
        <Drawn>
          <LiveChart
            {...common}
            label={t("chartEvents")}
            lines={[{ label: t("eventsPerS"), color: "--sw-accent", values: known.map((one) => one.eventsPerS) }]}
            format={(value) => format.short(value)}
          />
        </Drawn>
      </Card>
      <Card
        title={t("firstEvents")}
        actions={
          <Text size="xs" c="dimmed" component="div" className={classes.legend}>
            <span data-tone="fine">{t("complete")}</span>
            <span data-tone="broken">{t("broken")}</span>
          </Text>
        }
      >
        {dots.xs.length === 0 ? (
          <Center h={150}>
            <Text size="sm" c="dimmed">
              {t("noDots")}
            </Text>
          </Center>
        ) : (
          <Drawn>
            <LiveChart
              label={t("chartFirst")}
              xs={dots.xs}
              span={[from - 5, slowS + 5]}
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
    </div>
  );
}

function Figure({ name, value }: { name: string; value: string }) {
  return (
    <span className="sw-numbers">
      {value}{" "}
      <Text component="span" c="dimmed" size="sm">
        {name}
      </Text>
    </span>
  );
}

function Drawn({ children }: { children: React.ReactNode }) {
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
