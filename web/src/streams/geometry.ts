/**
 * Where everything of a timeline is drawn. Pure.
 *
 * Only what is seen becomes a shape, and of events that fall on the same pixels all together become one: a timeline of
 * twenty thousand events has no more shapes than the picture has columns.
 */

import type { Moment, TimelineEvent, Try } from "@/lib/api";

import { GROUPS, groupOf, type KindGroup } from "./kinds";
import type { Story } from "./timeline";
import type { Span } from "./viewport";

export interface Bar {
  x: number;
  width: number;
  from: number;
  to: number;
}

export type PhaseName = "queued" | "connect" | "head" | "first" | "stream";

export interface PhaseBar extends Bar {
  phase: PhaseName;
}

export interface AttemptLane {
  attempt: Try;
  index: number;
  bars: PhaseBar[];
  /** Where it failed, if that is seen. */
  failedX: number | null;
}

export interface Tick {
  x: number;
  width: number;
  group: KindGroup;
  /** How many events it stands for. */
  count: number;
  /** Of the largest of them, in bytes: how high it is. */
  size: number;
  /** The first of them. */
  event: TimelineEvent;
}

export interface Gap extends Bar {
  ms: number;
  isLargest: boolean;
  /** It goes on. */
  isOpen: boolean;
}

export interface MarkDot {
  x: number;
  mark: Moment;
  count: number;
}

export interface Pause extends Bar {
  isOpen: boolean;
}

export interface Picture {
  queued: PhaseBar | null;
  attempts: AttemptLane[];
  ticks: Tick[];
  gaps: Gap[];
  heartbeats: MarkDot[];
  pauses: Pause[];
  /** Since the status line went to the client; null if that is not seen. */
  open: Bar | null;
}

/** A gap that stands out: at least this long, and much longer than is usual in this stream. */
const GAP_LEAST_MS = 400;
const GAP_FACTOR = 6;
const MOST_GAPS = 40;

/** Events closer than this are one tick; and a tick is as wide, with a line of ground between two. */
export const COLUMN_PX = 3;

export interface Scale {
  span: Span;
  width: number;
}

export function xOf({ span, width }: Scale, ms: number): number {
  return ((ms - span.from) / (span.to - span.from)) * width;
}

export function msOf({ span, width }: Scale, x: number): number {
  return span.from + (x / Math.max(width, 1)) * (span.to - span.from);
}

/** All shapes. `nowMs`: how long the request has been running, or did. */
export function pictureOf(story: Story, scale: Scale, nowMs: number): Picture {
  const { phases, summary, marks } = story;
  const of = (kind: string) => marks.filter((mark) => mark.kind === kind);
  const end = summary.outcome === null ? nowMs : (phases.duration_ms ?? nowMs);
  return {
    queued: phased(scale, "queued", 0, phases.queued_ms),
    attempts: story.attempts.map((attempt, index) => laneOf(attempt, index, scale, end)),
    ticks: ticksOf(story.events, scale),
    gaps: gapsOf(story, scale, nowMs),
    heartbeats: dotsOf(of("heartbeat"), scale),
    pauses: of("pause").flatMap((mark) => {
      const bar = barOf(scale, mark.ms, mark.ms + (mark.lasted_ms ?? end - mark.ms));
      return bar ? [{ ...bar, isOpen: mark.lasted_ms === null }] : [];
    }),
    open: phases.committed_ms === null ? null : barOf(scale, phases.committed_ms, end),
  };
}

/** The silences that stand out, the longest told apart; and the one that goes on. */
export function gapsOf(story: Story, scale: Scale, nowMs: number): Gap[] {
  const { events, summary } = story;
  const known = events.flatMap((event) => (event.gap_ms === null || event.gap_ms <= 0 ? [] : [event.gap_ms]));
  const limit = Math.max(GAP_LEAST_MS, median(known) * GAP_FACTOR);
  const found = events.flatMap((event) =>
    event.gap_ms !== null && event.gap_ms >= limit ? [{ from: event.ms - event.gap_ms, to: event.ms, isOpen: false }] : [],
  );
  const last = events.at(-1);
  if (summary.outcome === null && last !== undefined && nowMs - last.ms >= limit) {
    found.push({ from: last.ms, to: nowMs, isOpen: true });
  }
  const largest = Math.max(0, ...found.map((gap) => gap.to - gap.from));
  return found
    .sort((a, b) => b.to - b.from - (a.to - a.from))
    .slice(0, MOST_GAPS)
    .flatMap(({ from, to, isOpen }) => {
      const bar = barOf(scale, from, to);
      return bar ? [{ ...bar, ms: to - from, isLargest: to - from === largest, isOpen }] : [];
    });
}

/** Where the longest silence was; `undefined` if there were no two events. */
export function largestGap(story: Story): Span | undefined {
  let found: Span | undefined;
  for (const { ms, gap_ms } of story.events) {
    if (gap_ms !== null && gap_ms > (found === undefined ? 0 : found.to - found.from)) found = { from: ms - gap_ms, to: ms };
  }
  return found;
}

/** The event nearest to a moment. */
export function nearest(events: readonly TimelineEvent[], ms: number): number {
  let [low, high] = [0, events.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle]?.ms ?? 0) < ms) low = middle + 1;
    else high = middle;
  }
  const [before, after] = [events[low - 1], events[low]];
  return before !== undefined && after !== undefined && ms - before.ms < after.ms - ms ? low - 1 : low;
}

function ticksOf(events: readonly TimelineEvent[], scale: Scale): Tick[] {
  // One of each group per column, the most telling drawn last and so on top.
  const columns = new Map<number, Map<KindGroup, Tick>>();
  const first = firstAt(events, scale.span.from);
  for (let place = first; place < events.length; place += 1) {
    const event = events[place];
    if (event === undefined || event.ms > scale.span.to) break;
    const column = Math.floor(xOf(scale, event.ms) / COLUMN_PX);
    const group = groupOf(event.kind);
    const here = columns.get(column) ?? new Map<KindGroup, Tick>();
    columns.set(column, here);
    const tick = here.get(group);
    if (tick === undefined) {
      here.set(group, { x: column * COLUMN_PX, width: COLUMN_PX - 1, group, count: event.count, size: event.size ?? 0, event });
    } else {
      tick.count += event.count;
      tick.size = Math.max(tick.size, event.size ?? 0);
    }
  }
  const rank = (group: KindGroup) => DRAWN.indexOf(group);
  return [...columns.values()].flatMap((here) => [...here.values()].sort((a, b) => rank(a.group) - rank(b.group)));
}

/** In this order, so that an error is never hidden. */
const DRAWN: readonly KindGroup[] = ["other", ...GROUPS.filter((group) => group !== "other")];

/** The first event that is not before a moment: they are in order. */
function firstAt(events: readonly TimelineEvent[], ms: number): number {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle]?.ms ?? 0) < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

function laneOf(attempt: Try, index: number, scale: Scale, end: number): AttemptLane {
  const start = attempt.after_ms;
  const over = start + (attempt.over_ms ?? Math.max(0, end - start));
  const after = (ms: number | null) => (ms === null ? over : Math.min(start + ms, over));
  // On a connection that was kept, connecting took no time.
  const connected = after(attempt.connect_ms ?? 0);
  const head = after(attempt.head_ms);
  const first = after(attempt.first_event_ms);
  const parts: [PhaseName, number, number][] = [
    ["connect", start, connected],
    ["head", connected, Math.max(head, connected)],
    ["first", Math.max(head, connected), Math.max(first, head)],
    ["stream", Math.max(first, head), over],
  ];
  const bars = parts.flatMap(([phase, from, to]) => phased(scale, phase, from, to) ?? []);
  const failedX = attempt.error_code === null ? null : within(scale, over);
  return { attempt, index, bars, failedX };
}

function phased(scale: Scale, phase: PhaseName, from: number, to: number): PhaseBar | null {
  if (to <= from) return null;
  const bar = barOf(scale, from, to);
  return bar && { ...bar, phase };
}

/** As far as it is seen, and never too thin to be seen. */
function barOf(scale: Scale, from: number, to: number): Bar | null {
  if (to < scale.span.from || from > scale.span.to) return null;
  const left = Math.max(0, xOf(scale, from));
  const right = Math.min(scale.width, xOf(scale, to));
  return { x: left, width: Math.max(right - left, 1), from, to };
}

function dotsOf(marks: readonly Moment[], scale: Scale): MarkDot[] {
  const dots: MarkDot[] = [];
  for (const mark of marks) {
    const x = within(scale, mark.ms);
    if (x === null) continue;
    const last = dots.at(-1);
    if (last !== undefined && x - last.x < COLUMN_PX) last.count += 1;
    else dots.push({ x, mark, count: 1 });
  }
  return dots;
}

function within(scale: Scale, ms: number): number | null {
  return ms < scale.span.from || ms > scale.span.to ? null : xOf(scale, ms);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
