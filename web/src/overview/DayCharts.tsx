import { Anchor } from "@mantine/core";
import { lazy, useMemo, useState } from "react";
import { Link } from "react-router";

import { useFormat, useLanguage } from "@/i18n";
import { useApi } from "@/lib/useApi";
import { Card } from "@/ui/Card";
import { daysBetween, lastDays } from "@/usage/sums";

import { Drawn, Nothing } from "./Charts";
import { type DaySeries, daySeries } from "./days";
import { useT } from "./i18n";

const BarChart = lazy(() => import("@/usage/Chart"));

const DAYS = 14;
const EVERY_MS = 30_000;
/** As long as there is nothing: the first requests are seen as soon as the other figures tell of them. */
const EVERY_MS_AT_FIRST = 2_000;

/** What each of the last days came to: errors, tokens, money. */
export function DayCharts() {
  const t = useT();
  const format = useFormat();
  const [range] = useState(() => lastDays(DAYS, Date.now()));
  const [everyMs, setEveryMs] = useState(EVERY_MS_AT_FIRST);
  const { data, error } = useApi("/api/usage", { query: { ...range, group: ["day"] } }, { everyMs });
  const days = useMemo(() => daysBetween(range.since, range.until), [range]);
  const series = useMemo(() => data && daySeries(data.rows, days), [data, days]);
  if (series !== undefined && series.requests > 0 && everyMs === EVERY_MS_AT_FIRST) setEveryMs(EVERY_MS);
  // That nothing is kept is said above; figures of before are better than none.
  if (series === undefined) {
    return error === undefined ? null : (
      <Card title={t("byDay")}>
        <Nothing>{error.message}</Nothing>
      </Card>
    );
  }
  const common = { days, isEmpty: series.requests === 0 };
  return (
    <>
      <DayCard {...common} title={t("errorsByDay")} series={series.errors} labels={[t("broken"), t("complete")]} colors={["var(--sw-bad)", "var(--sw-accent)"]} format={format.short} />
      <DayCard {...common} title={t("tokensByDay")} series={series.tokens} labels={[t("input"), t("output")]} colors={["var(--mantine-color-violet-5)", "var(--sw-accent)"]} format={format.short} />
      <DayCard {...common} title={t("costByDay")} series={series.cost} labels={[t("cost")]} colors={["var(--sw-warn)"]} format={format.money} />
    </>
  );
}

interface DayCardProps {
  title: string;
  days: readonly string[];
  series: DaySeries;
  labels: readonly string[];
  colors: readonly string[];
  format: (value: number | null | undefined) => string;
  isEmpty: boolean;
}

function DayCard({ title, days, series, labels, colors, format, isEmpty }: DayCardProps) {
  const t = useT();
  const language = useLanguage();
  const names = labels.join("\n");
  const paints = colors.join("\n");
  // The chart is drawn anew whenever one of these is another one.
  const shown = useMemo(() => {
    const day = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", timeZone: "UTC" });
    return {
      series: names.split("\n").map((label, index) => ({ label, values: series.values[index] ?? [] })),
      colors: paints.split("\n"),
      formatDay: (one: string) => day.format(Date.parse(one)),
    };
  }, [series, names, paints, language]);
  return (
    <Card
      title={title}
      actions={
        <Anchor component={Link} to="/usage" size="sm">
          {t("allUsage")}
        </Anchor>
      }
    >
      {isEmpty ? (
        <Nothing>{t("noDays")}</Nothing>
      ) : (
        <Drawn>
          <BarChart label={title} dayLabel={t("day")} days={days} {...shown} edges={series.edges} format={format} isSmall />
        </Drawn>
      )}
    </Card>
  );
}
