/** Which part of a timeline is seen: zooming, panning, following. Pure; all in milliseconds. */

/** `all`: as it grows. `tail`: the last so many, moving on. `range`: that part, standing still. */
export type View = { kind: "all" } | { kind: "tail"; span: number } | { kind: "range"; from: number; to: number };

export interface Span {
  from: number;
  to: number;
}

export const ALL: View = { kind: "all" };

/** Nothing in a timeline is finer than this. */
export const SHORTEST_MS = 2;

/** Room at the right, so that what is last does not stick to the edge. */
const ROOM = 1.02;

/** What is seen of a timeline that is `total` long so far. */
export function spanOf(view: View, total: number): Span {
  const end = Math.max(total * ROOM, SHORTEST_MS);
  switch (view.kind) {
    case "all":
      return { from: 0, to: end };
    case "tail":
      return { from: Math.max(0, end - view.span), to: end };
    case "range":
      return { from: view.from, to: view.to };
  }
}

/** Closer by `factor` (below 1: wider), with the moment `at` staying where it is. */
export function zoomed(view: View, total: number, factor: number, at?: number): View {
  const { from, to } = spanOf(view, total);
  const span = (to - from) / factor;
  if (view.kind === "tail" && at === undefined) return fitted({ kind: "tail", span: Math.max(span, SHORTEST_MS) }, total);
  const anchor = at ?? (from + to) / 2;
  const share = (anchor - from) / (to - from);
  return range(anchor - span * share, anchor + span * (1 - share), total);
}

/** Moved to the right by a share of what is seen. */
export function panned(view: View, total: number, share: number): View {
  const { from, to } = spanOf(view, total);
  const by = (to - from) * share;
  const end = spanOf(ALL, total).to;
  // At an edge, it moves no further, and stays as wide.
  const shift = Math.max(-from, Math.min(by, end - to));
  return view.kind === "all" ? view : range(from + shift, to + shift, total);
}

/** That part, as far as there is such; all of it if that is all there is. */
export function range(from: number, to: number, total: number): View {
  const end = spanOf(ALL, total).to;
  const span = Math.max(Math.abs(to - from), SHORTEST_MS);
  if (span >= end) return ALL;
  const start = Math.max(0, Math.min(from, to, end - span));
  return { kind: "range", from: start, to: start + span };
}

/** Moments for a scale: round ones, not closer to each other than `least` apart. */
export function ticksOf({ from, to }: Span, most: number): number[] {
  const rough = (to - from) / Math.max(1, most);
  const step = STEPS.find((one) => one >= rough) ?? 3_600_000 * Math.ceil(rough / 3_600_000);
  const ticks: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
  return ticks;
}

const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000,
  900_000, 1_800_000, 3_600_000,
];

function fitted(view: { kind: "tail"; span: number }, total: number): View {
  return view.span >= spanOf(ALL, total).to ? ALL : view;
}
