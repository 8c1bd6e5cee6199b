import { Checkbox, Group, Text } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useEffect, useId, useMemo, useRef, useState } from "react";

import { useFormat } from "@/i18n";
import type { Moment, TimelineEvent } from "@/lib/api";

import classes from "./EventTable.module.css";
import { useT } from "./i18n";
import { COLOURS, groupOf } from "./kinds";
import palette from "./Palette.module.css";
import { type Happening, happenings, isOver, type Story } from "./timeline";
import { windowOf } from "./windowed";

interface Props {
  story: Story;
  selected: number | undefined;
  onSelect: (number: number) => void;
}

const ROW_HEIGHT = 30;

/** Everything that happened, in order. Only the rows that are seen are there: it may be twenty thousand. */
export function EventTable({ story, selected, onSelect }: Props) {
  const t = useT();
  const id = useId();
  const [onlyEvents, setOnlyEvents] = useState(false);
  const [isFollowing, setFollowing] = useState(true);
  const [top, setTop] = useState(0);
  const { ref: sizeRef, height } = useElementSize<HTMLDivElement>();
  const box = useRef<HTMLDivElement | null>(null);
  const rows = useMemo(() => {
    const all = happenings(story);
    return onlyEvents ? all.filter((row) => row.event !== undefined) : all;
  }, [story, onlyEvents]);
  const place = rows.findIndex((row) => row.event !== undefined && row.event.number === selected);
  const { from, to } = windowOf({ rows: rows.length, rowHeight: ROW_HEIGHT, top, height: height || 400 });
  const runs = !isOver(story);

  useEffect(() => {
    if (runs && isFollowing && selected === undefined) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [rows.length, runs, isFollowing, selected]);
  useEffect(() => {
    const element = box.current;
    if (element === null || place < 0) return;
    const [above, below] = [place * ROW_HEIGHT, (place + 2) * ROW_HEIGHT];
    if (above < element.scrollTop) element.scrollTo({ top: above });
    else if (below > element.scrollTop + element.clientHeight) element.scrollTo({ top: below - element.clientHeight });
    // Where it is now matters only when another one is chosen.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [selected]);

  const go = (step: number) => {
    for (let next = place + step; next >= 0 && next < rows.length; next += Math.sign(step)) {
      const number = rows[next]?.event?.number;
      if (number === undefined) continue;
      onSelect(number);
      return;
    }
  };
  const keys: Record<string, () => void> = {
    ArrowDown: () => go(1),
    ArrowUp: () => go(place < 0 ? 1 : -1),
    PageDown: () => go(Math.min(10, rows.length - 1 - place)),
    PageUp: () => go(-Math.min(10, place)),
  };
  return (
    <div>
      <div
        ref={(element) => {
          box.current = element;
          sizeRef(element);
        }}
        className={classes.box}
        tabIndex={0}
        role="group"
        aria-label={t("listLabel")}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
        onKeyDown={(event) => {
          const run = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
          if (run === undefined) return;
          event.preventDefault();
          run();
        }}
      >
        <table className={classes.table} aria-rowcount={rows.length + 1}>
          <thead>
            <tr aria-rowindex={1}>
              <th className={classes.number}>{t("ev_number")}</th>
              <th className={classes.number}>{t("ev_ms")}</th>
              <th className={classes.number}>{t("ev_gap")}</th>
              <th className={classes.number}>{t("ev_size")}</th>
              <th>{t("ev_kind")}</th>
            </tr>
          </thead>
          <tbody>
            {from > 0 && <Filler rows={from} />}
            {rows.slice(from, to).map((row, index) => (
              <Line
                key={from + index}
                id={`${id}-${from + index}`}
                index={from + index}
                row={row}
                isSelected={from + index === place}
                onSelect={onSelect}
              />
            ))}
            {to < rows.length && <Filler rows={rows.length - to} />}
          </tbody>
        </table>
        {rows.length === 0 && (
          <Text c="dimmed" size="sm" p="md">
            {t("noEvents")}
          </Text>
        )}
      </div>
      <Group mt="xs" gap="lg">
        <Checkbox size="xs" label={t("onlyEvents")} checked={onlyEvents} onChange={(event) => setOnlyEvents(event.currentTarget.checked)} />
        {runs && (
          <Checkbox size="xs" label={t("followEnd")} checked={isFollowing} onChange={(event) => setFollowing(event.currentTarget.checked)} />
        )}
      </Group>
    </div>
  );
}

/** The room of rows that are not there. */
function Filler({ rows }: { rows: number }) {
  return (
    <tr aria-hidden style={{ blockSize: rows * ROW_HEIGHT }}>
      <td colSpan={5} />
    </tr>
  );
}

function Line(props: { id: string; index: number; row: Happening; isSelected: boolean; onSelect: (number: number) => void }) {
  const { id, index, row, isSelected, onSelect } = props;
  return (
    <tr
      id={id}
      className={classes.row}
      aria-rowindex={index + 2}
      aria-current={isSelected || undefined}
      data-mark={row.mark?.kind}
      onClick={() => row.event !== undefined && onSelect(row.event.number)}
    >
      {row.event !== undefined ? <EventCells event={row.event} /> : <MarkCells mark={row.mark} />}
    </tr>
  );
}

function EventCells({ event }: { event: TimelineEvent }) {
  const t = useT();
  const format = useFormat();
  const isLong = event.gap_ms !== null && event.gap_ms >= 1000;
  return (
    <>
      <td className={classes.number}>{format.count(event.number)}</td>
      <td className={classes.number}>{format.duration(event.ms)}</td>
      <td className={classes.number} data-long={isLong || undefined}>
        {format.duration(event.gap_ms)}
      </td>
      <td className={classes.number}>{format.bytes(event.size)}</td>
      <td>
        <span className={palette.dot} style={{ background: COLOURS[groupOf(event.kind)] }} />
        {event.count > 1 ? t("unread", { n: event.count }) : event.kind}
        {event.together > 1 && <span className={classes.detail}>{t("together", { n: event.together })}</span>}
      </td>
    </>
  );
}

const MARKS = ["attempt", "head", "failed", "commit", "heartbeat", "pause", "resume", "continued", "left", "error"] as const;

function MarkCells({ mark }: { mark: Moment }) {
  const t = useT();
  const format = useFormat();
  const known = MARKS.find((kind) => kind === mark.kind);
  const reason = (["event", "silence"] as const).find((one) => mark.kind === "commit" && one === mark.detail);
  const detail = reason === undefined ? mark.detail : t(`commit_${reason}`);
  return (
    <>
      <td />
      <td className={classes.number}>{format.duration(mark.ms)}</td>
      <td className={classes.number}>{mark.lasted_ms === null ? "" : format.duration(mark.lasted_ms)}</td>
      <td />
      <td>
        {known === undefined ? mark.kind : t(`mark_${known}`)}
        {detail !== "" && <span className={classes.detail}>{detail}</span>}
      </td>
    </>
  );
}
