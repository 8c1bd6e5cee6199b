import { Alert, Button, Center, Loader, SegmentedControl, SimpleGrid, Stack } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { lazy, Suspense, useMemo, useState } from "react";

import { type Translate, useFormat, useLanguage } from "@/i18n";
import type { UsageRow } from "@/lib/api";
import { useApi } from "@/lib/useApi";
import { Async } from "@/ui/Async";
import { Card, Stat } from "@/ui/Card";
import { EmptyState } from "@/ui/EmptyState";

import { Controls, type Choice } from "./Controls";
import { download } from "./download";
import { useT } from "./i18n";
import type { en } from "./messages.en";
import { csvOf, daysBetween, DIMENSIONS, lastDays, type Measure, MEASURES, seriesOf, stacked, stacks, totalOf } from "./sums";
import { SumsTable } from "./SumsTable";

const Chart = lazy(() => import("./Chart"));

const EVERY_MS = 30_000;
const COLORS = ["var(--sw-accent)", "var(--sw-warn)", "var(--mantine-color-violet-5)", "var(--mantine-color-green-6)", "var(--mantine-color-pink-5)", "var(--mantine-color-gray-5)"];

/** Requests, tokens and money by day, key, model and upstream. */
export function SumsView() {
  const [choice, setChoice] = useState<Choice>(() => ({ ...lastDays(30, Date.now()), group: ["model"], only: {} }));
  const { since, until, only } = choice;
  const group = DIMENSIONS.filter((name) => choice.group.includes(name));
  const split = group.find((name) => name !== "day");
  const off = daysBetween(since, until).length === 0;
  const range = { since, until, ...only };
  const rows = useApi("/api/usage", { query: { ...range, group } }, { everyMs: EVERY_MS, off });
  const daily = useApi("/api/usage", { query: { ...range, group: split ? ["day", split] : ["day"] } }, { everyMs: EVERY_MS, off });
  return (
    <Stack gap="lg">
      <Controls choice={choice} onChange={setChoice} />
      <Async from={rows}>
        {(answer) => (
          <Answer rows={answer.rows} complete={answer.complete && daily.data?.complete !== false} choice={{ ...choice, group }} daily={daily.data?.rows ?? []} />
        )}
      </Async>
    </Stack>
  );
}

function Answer({ rows, daily, complete, choice }: { rows: UsageRow[]; daily: UsageRow[]; complete: boolean; choice: Choice }) {
  const t = useT();
  if (rows.every((row) => row.requests === 0)) return <EmptyState title={t("empty")}>{t("emptyWhy")}</EmptyState>;
  const save = () => {
    const name = `usage-${choice.since}-${choice.until}.csv`;
    download(name, new Blob([csvOf(rows, choice.group)], { type: "text/csv;charset=utf-8" }));
  };
  return (
    <>
      {!complete && (
        <Alert color="gate" variant="light">
          {t("incomplete")}
        </Alert>
      )}
      <Totals rows={rows} />
      <ByDay rows={daily} choice={choice} />
      <Card
        title={t("table")}
        actions={
          <Button variant="default" size="xs" leftSection={<IconDownload size={16} aria-hidden />} onClick={save} aria-label={t("csvHint")}>
            {t("csv")}
          </Button>
        }
      >
        <SumsTable rows={rows} group={choice.group} />
      </Card>
    </>
  );
}

function Totals({ rows }: { rows: UsageRow[] }) {
  const t = useT();
  const format = useFormat();
  const total = totalOf(rows);
  const bad = total.errors > 0 && total.errors / total.requests > 0.05;
  return (
    <SimpleGrid cols={{ base: 2, md: total.estimated > 0 ? 5 : 4 }} spacing="md">
      <Stat label={t("requests")} value={format.short(total.requests)} />
      <Stat
        label={t("errors")}
        value={format.short(total.errors)}
        detail={t("errorShare", { share: format.percent(total.requests ? total.errors / total.requests : 0) })}
        {...(bad ? { tone: "bad" as const } : {})}
      />
      <Stat
        label={t("tokens")}
        value={format.short(total.input_tokens + total.output_tokens)}
        detail={t("inOut", { input: format.short(total.input_tokens), output: format.short(total.output_tokens) })}
      />
      <Stat label={t("cost")} value={format.money(total.cost)} detail={t(total.cost > 0 ? "currency" : "noPrices")} />
      {total.estimated > 0 && (
        <Stat label={t("estimated")} value={format.short(total.estimated_input_tokens + total.estimated_output_tokens)} detail={t("estimatedDetail", { n: total.estimated })} />
      )}
    </SimpleGrid>
  );
}

function ByDay({ rows, choice }: { rows: UsageRow[]; choice: Choice }) {
  const t = useT();
  const format = useFormat();
  const language = useLanguage();
  const [measure, setMeasure] = useState<Measure>("requests");
  const split = choice.group.find((name) => name !== "day");
  const shown = useMemo(() => {
    const days = daysBetween(choice.since, choice.until);
    const series = seriesOf(rows, split, measure, days);
    const labels = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", timeZone: "UTC" });
    return {
      days,
      series: series.map(({ name, values }) => ({ label: nameOf(name, split !== undefined, t), values })),
      edges: stacks(measure) ? { edges: stacked(series) } : {},
      format: (value: number | null | undefined) =>
        measure === "cost" ? format.money(value) : measure === "firstEvent" ? format.duration(value) : format.short(value),
      formatDay: (day: string) => labels.format(Date.parse(day)),
    };
  }, [rows, split, measure, choice.since, choice.until, language, format, t]);
  const { edges, ...rest } = shown;
  const label = t("chartLabel", { measure: t(measure) });
  return (
    <Card
      title={label}
      actions={
        <SegmentedControl
          size="xs"
          aria-label={t("measure")}
          value={measure}
          onChange={(value) => setMeasure(value)}
          data={MEASURES.map((value) => ({ value, label: t(value) }))}
        />
      }
    >
      <Suspense
        fallback={
          <Center h={300}>
            <Loader type="dots" />
          </Center>
        }
      >
        <Chart label={label} dayLabel={t("day")} {...rest} {...edges} colors={COLORS} />
      </Suspense>
    </Card>
  );
}

function nameOf(name: string | null | undefined, isSplit: boolean, t: Translate<typeof en>): string {
  if (name === undefined) return isSplit ? t("others") : t("all");
  return name ?? t("none");
}
