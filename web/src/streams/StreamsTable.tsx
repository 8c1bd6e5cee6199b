import { Table, Text, Tooltip, UnstyledButton } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconArrowDown, IconPlayerPauseFilled } from "@tabler/icons-react";
import { memo, type ReactNode } from "react";
import { Link, useNavigate } from "react-router";

import { useFormat } from "@/i18n";
import type { Stream } from "@/lib/api";

import { firstEventMs, type Now, type Order, silenceMs, SLOW_MS } from "./filter";
import { useT } from "./i18n";
import { OutcomeBadge, stateOf } from "./Outcome";
import classes from "./StreamsTable.module.css";
import { isBroken, isRunning, type Row } from "./table";

interface Props {
  rows: readonly Row[];
  now: Now;
  order: Order;
  onOrder: (order: Order) => void;
  /** Those that show nothing new, since their worker is not heard. */
  isOld: (row: Row) => boolean;
}

/** Streams in rows. Of the slow ones, the cells say how slow by a bar, as long as the slowest that is shown. */
export function StreamsTable({ rows, now, order, onOrder, isOld }: Props) {
  const t = useT();
  const isNarrow = useMediaQuery("(max-width: 48em)", false, { getInitialValueInEffect: false });
  const most = (of: (row: Row) => number | null) => Math.max(SLOW_MS, ...rows.map((row) => of(row) ?? 0));
  const slowest = {
    first: most(({ stream }) => firstEventMs(stream, now.gatewayS)),
    gap: most((row) => silenceMs(row, now.pageMs)),
  };
  const sorted = (wanted: Order, label: string, hint: string) => (
    <Heading sorted={order === wanted} hint={hint} onSort={() => onOrder(order === wanted ? "newest" : wanted)}>
      {label}
    </Heading>
  );
  return (
    <div className={classes.around}>
      <Table className={classes.table ?? ""} highlightOnHover verticalSpacing={9}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("col_model")}</Table.Th>
            <Table.Th className={classes.key}>{t("col_key")}</Table.Th>
            <Table.Th className={classes.upstream}>{t("col_upstream")}</Table.Th>
            {!isNarrow && <Table.Th>{t("col_outcome")}</Table.Th>}
            {sorted("newest", t("col_age"), t("sortNewest"))}
            <Table.Th className={classes.wide}>{t("col_events")}</Table.Th>
            {sorted("first_event", t("col_first"), t("sortFirst"))}
            {sorted("gap", t("col_gap"), t("sortGap"))}
            <Table.Th className={classes.wide}>{t("col_heartbeats")}</Table.Th>
            <Table.Th className={classes.wide}>{t("col_attempts")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Line
              key={row.stream.request_id}
              row={row}
              first={firstEventMs(row.stream, now.gatewayS)}
              silence={silenceMs(row, now.pageMs)}
              ageS={Math.floor(now.gatewayS - row.stream.started)}
              slowestFirst={slowest.first}
              slowestGap={slowest.gap}
              isOld={isOld(row)}
              isNarrow={isNarrow}
            />
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function Heading(props: { sorted: boolean; hint: string; onSort: () => void; children: ReactNode }) {
  return (
    <Table.Th aria-sort={props.sorted ? "descending" : "none"}>
      <Tooltip label={props.hint}>
        <UnstyledButton className={classes.sort} data-sorted={props.sorted || undefined} onClick={props.onSort}>
          {props.children}
          <IconArrowDown size={13} aria-hidden />
        </UnstyledButton>
      </Tooltip>
    </Table.Th>
  );
}

interface LineProps {
  row: Row;
  first: number | null;
  silence: number | null;
  ageS: number;
  slowestFirst: number;
  slowestGap: number;
  isOld: boolean;
  /** The state has no column of its own. */
  isNarrow: boolean;
}

const Line = memo(function Line({ row, first, silence, ageS, slowestFirst, slowestGap, isOld, isNarrow }: LineProps) {
  const t = useT();
  const format = useFormat();
  const go = useNavigate();
  const { stream } = row;
  const to = `/streams/${encodeURIComponent(stream.request_id)}`;
  const facts = [stream.key, stream.upstream].filter(Boolean).join(" → ");
  return (
    <Table.Tr
      className={classes.row}
      data-broken={isBroken(stream) || undefined}
      data-old={isOld || undefined}
      onClick={(event) => {
        // A link within is followed by itself, and who marks text does not want to go.
        if (event.target instanceof Element && event.target.closest("a")) return;
        if (window.getSelection()?.isCollapsed !== false) void go(to);
      }}
    >
      <Table.Td className={classes.model}>
        <span className={classes.title}>
          <Link to={to} className={classes.link}>
            {stream.model ?? t("noModel")}
          </Link>
          {!stream.stream && (
            <Tooltip label={t("jsonWhy")}>
              <span className={classes.json}>{t("json")}</span>
            </Tooltip>
          )}
        </span>
        {isNarrow && <StateView stream={stream} silence={silence} />}
        <Text className={classes.facts} size="xs" c="dimmed" truncate>
          {facts || stream.path}
        </Text>
      </Table.Td>
      <Table.Td className={classes.key}>{stream.key ?? "–"}</Table.Td>
      <Table.Td className={classes.upstream}>{stream.upstream ?? "–"}</Table.Td>
      {!isNarrow && (
        <Table.Td>
          <StateView stream={stream} silence={silence} />
        </Table.Td>
      )}
      <Table.Td className={classes.number} title={format.moment(stream.started)}>
        {format.duration(roughly(ageS) * 1000)}
      </Table.Td>
      <Table.Td className={`${classes.number ?? ""} ${classes.wide ?? ""}`}>{format.count(stream.events)}</Table.Td>
      <Measure ms={first} most={slowestFirst} isOpen={isRunning(stream) && stream.first_event_ms === null} />
      <Measure ms={silence} most={slowestGap} isOpen={isRunning(stream) && silence !== null && silence > (stream.largest_gap_ms ?? 0)} />
      <Table.Td className={`${classes.number ?? ""} ${classes.wide ?? ""}`} data-some={stream.heartbeats > 0 || undefined}>
        {stream.heartbeats > 0 ? format.count(stream.heartbeats) : "–"}
      </Table.Td>
      <Table.Td className={`${classes.number ?? ""} ${classes.wide ?? ""}`} data-some={stream.attempts > 1 || undefined}>
        {format.count(stream.attempts)}
      </Table.Td>
    </Table.Tr>
  );
});

function StateView({ stream, silence }: { stream: Stream; silence: number | null }) {
  const t = useT();
  return (
    <>
      <span className={classes.state}>
        <OutcomeBadge state={stateOf(stream, silence)} />
        {stream.paused && isRunning(stream) && (
          <Tooltip label={t("clientSlow")}>
            <IconPlayerPauseFilled size={14} color="var(--sw-warn)" role="img" aria-label={t("clientSlow")} />
          </Tooltip>
        )}
      </span>
      {saysMore(stream) && (
        <Text size="xs" c="dimmed" className={classes.code} truncate>
          {stream.error_code}
        </Text>
      )}
    </>
  );
}

/** An age in its largest unit, which is all that matters of it. In seconds. */
function roughly(ageS: number): number {
  const unit = [86_400, 3600, 60].find((one) => ageS >= one) ?? 1;
  return Math.max(0, Math.floor(ageS / unit) * unit);
}

/** Codes that say no more than the outcome does are left out. */
function saysMore({ error_code, outcome }: Stream): boolean {
  return error_code !== null && error_code !== outcome && error_code !== `upstream_${outcome ?? ""}`;
}

/** A time, with a bar if it is long. */
function Measure({ ms, most, isOpen }: { ms: number | null; most: number; isOpen: boolean }) {
  const format = useFormat();
  const share = ms === null ? 0 : Math.min(1, ms / most);
  const tone = ms === null || ms < 1000 ? undefined : ms >= SLOW_MS ? "slow" : "some";
  return (
    <Table.Td className={classes.number} data-open={isOpen || undefined} data-tone={tone}>
      {tone !== undefined && <span className={classes.bar} style={{ inlineSize: `${(share * 100).toFixed(1)}%` }} />}
      <span className={classes.figure}>{format.duration(ms)}</span>
    </Table.Td>
  );
}
