/** The lanes of a waterfall, drawn: everything about where is in `geometry.ts`. */

import type { ReactNode } from "react";

import { useFormat } from "@/i18n";

import type { Gap, MarkDot, Pause, PhaseBar, Picture, Tick } from "./geometry";
import { useT } from "./i18n";
import { COLOURS } from "./kinds";
import classes from "./Waterfall.module.css";

const LABEL_HEIGHT = 18;
const BAR_HEIGHT = 14;
const CLIENT_HEIGHT = 46;
const BETWEEN = 12;

export interface Lane {
  name: string;
  label: string;
  y: number;
  height: number;
  draw: ReactNode;
}

/** All lanes that there are, from `top` downwards. */
export function useLanes(picture: Picture, top: number): { lanes: Lane[]; bottom: number } {
  const t = useT();
  const wanted: Omit<Lane, "y">[] = [];
  if (picture.queued !== null) {
    wanted.push({ name: "queued", label: t("lane_queued"), height: BAR_HEIGHT, draw: <Phases bars={[picture.queued]} /> });
  }
  for (const { attempt, index, bars, failedX } of picture.attempts) {
    const names = { n: index + 1, upstream: attempt.upstream };
    const said = attempt.key === null ? t("lane_attempt", names) : t("lane_attemptKey", { ...names, key: attempt.key });
    const code = attempt.error_code === null ? "" : ` – ${attempt.error_code}`;
    wanted.push({
      name: `attempt-${index}`,
      label: said + code,
      height: BAR_HEIGHT,
      draw: (
        <>
          <Phases bars={bars} />
          {failedX !== null && <Cross x={failedX} y={BAR_HEIGHT / 2} />}
        </>
      ),
    });
  }
  wanted.push({ name: "client", label: t("lane_client"), height: CLIENT_HEIGHT, draw: <Client picture={picture} /> });
  if (picture.heartbeats.length > 0) {
    wanted.push({ name: "heartbeats", label: t("lane_heartbeats"), height: BAR_HEIGHT, draw: <Heartbeats dots={picture.heartbeats} /> });
  }
  if (picture.pauses.length > 0) {
    wanted.push({ name: "pauses", label: t("lane_pauses"), height: BAR_HEIGHT, draw: <Pauses pauses={picture.pauses} /> });
  }
  let y = top;
  const lanes = wanted.map((lane) => {
    const placed = { ...lane, y };
    y += LABEL_HEIGHT + lane.height + BETWEEN;
    return placed;
  });
  return { lanes, bottom: y };
}

export function LaneView({ lane }: { lane: Lane }) {
  return (
    <g transform={`translate(0 ${lane.y})`} data-lane={lane.name}>
      <text className={classes.label} x={4} y={12}>
        {lane.label}
      </text>
      <g transform={`translate(0 ${LABEL_HEIGHT})`}>{lane.draw}</g>
    </g>
  );
}

function Phases({ bars }: { bars: readonly PhaseBar[] }) {
  const t = useT();
  const format = useFormat();
  return bars.map(({ phase, x, width, from, to }) => (
    <g key={phase}>
      <rect className={classes.phase} data-phase={phase} x={x} width={width} height={BAR_HEIGHT} rx={Math.min(3, width / 2)}>
        <title>{`${t(`phase_${phase}`)}: ${format.duration(to - from)}`}</title>
      </rect>
      {width > 130 && phase !== "stream" && (
        <text className={classes.inside} x={x + 6} y={BAR_HEIGHT - 3.5}>
          {`${t(`phase_${phase}`)} ${format.duration(to - from)}`}
        </text>
      )}
    </g>
  ));
}

function Client({ picture: { open, gaps, ticks } }: { picture: Picture }) {
  const largest = Math.max(2, ...ticks.map((tick) => tick.size));
  return (
    <>
      {open && <rect className={classes.open} x={open.x} width={open.width} height={CLIENT_HEIGHT} rx={3} />}
      {gaps.map((gap) => (
        <GapView key={gap.from} gap={gap} />
      ))}
      {ticks.map((tick) => (
        <TickView key={`${tick.x} ${tick.group}`} tick={tick} largest={largest} />
      ))}
    </>
  );
}

function GapView({ gap }: { gap: Gap }) {
  const t = useT();
  const format = useFormat();
  const words = format.duration(gap.ms);
  return (
    <g data-gap={gap.isLargest ? "largest" : "long"} data-open={gap.isOpen || undefined} className={classes.gap}>
      <rect x={gap.x} width={gap.width} height={CLIENT_HEIGHT} fill="url(#stream-silence)" />
      <rect className={classes.gapEdge} x={gap.x} width={gap.width} height={CLIENT_HEIGHT} />
      {gap.width > 62 && (
        <text className={classes.gapText} x={gap.x + gap.width / 2} y={CLIENT_HEIGHT / 2 + 4}>
          {gap.width > 130 ? `${words} ${t("silence")}` : words}
        </text>
      )}
    </g>
  );
}

function TickView({ tick, largest }: { tick: Tick; largest: number }) {
  const share = Math.log(Math.max(2, tick.size)) / Math.log(largest);
  const height = Math.max(10, (CLIENT_HEIGHT - 8) * share * share);
  const y = CLIENT_HEIGHT - 4 - height;
  return <rect data-tick={tick.group} x={tick.x} y={y} width={tick.width} height={height} rx={0.8} fill={COLOURS[tick.group]} />;
}

function Heartbeats({ dots }: { dots: readonly MarkDot[] }) {
  return dots.map(({ x, count, mark }) => (
    <path
      key={mark.ms}
      data-heartbeat
      className={classes.heartbeat}
      transform={`translate(${x} ${BAR_HEIGHT / 2}) scale(${count > 1 ? 1.25 : 1})`}
      d="M0 4.5C-6-.5-4.500-4.500-2-4.500c1.200 0 2 1 2 1.600 0-.6.8-1.600 2-1.600 2.500 0 4 4-2 9z"
    />
  ));
}

function Pauses({ pauses }: { pauses: readonly Pause[] }) {
  return pauses.map((pause) => (
    <rect key={pause.from} className={classes.pause} data-open={pause.isOpen || undefined} x={pause.x} width={pause.width} height={BAR_HEIGHT} rx={2} />
  ));
}

function Cross({ x, y }: { x: number; y: number }) {
  return <path className={classes.cross} transform={`translate(${x} ${y})`} d="M-5-5L5 5M5-5L-5 5" />;
}
