/** The moments of a stream that have a name, and where their flags stand without covering one another. Pure. */

import { type Scale, xOf } from "./geometry";
import type { Story } from "./timeline";

export const MILESTONES = ["head", "commit", "first", "content", "failed", "continued", "left", "error"] as const;
export type MilestoneName = (typeof MILESTONES)[number];

export interface Milestone {
  name: MilestoneName;
  ms: number;
  /** A status, a code, an upstream. */
  detail: string;
}

export interface Flag extends Milestone {
  x: number;
  text: string;
  /** The text is left of its moment: right of it there is no room. */
  isLeft: boolean;
  /** From 0, the uppermost. */
  level: number;
}

/** In order. Those of the same moment in the order in which they come about. */
export function milestonesOf({ phases, marks }: Story): Milestone[] {
  const found: Milestone[] = [];
  for (const { kind, ms, detail } of marks) {
    const name = MILESTONES.find((one) => one === kind);
    if (name !== undefined) found.push({ name, ms, detail });
  }
  if (phases.first_event_ms !== null) found.push({ name: "first", ms: phases.first_event_ms, detail: "" });
  if (phases.first_content_ms !== null && phases.first_content_ms !== phases.first_event_ms) {
    found.push({ name: "content", ms: phases.first_content_ms, detail: "" });
  }
  return found.sort((a, b) => a.ms - b.ms || MILESTONES.indexOf(a.name) - MILESTONES.indexOf(b.name));
}

/** About what text takes of the small letters that the picture has; signs of Chinese are wider. */
export function widthOf(text: string): number {
  let width = 14;
  for (const sign of text) width += sign.charCodeAt(0) > 0x2e80 ? 12 : 6.6;
  return width;
}

/** Closer than this, those that are no trouble share a flag. */
const SAME_PX = 6;

/** Those that are seen, each on the first level where it has room; what happens at one place is told in one. */
export function flagsOf(milestones: readonly Milestone[], scale: Scale, textOf: (milestone: Milestone) => string): Flag[] {
  const flags: Flag[] = [];
  const taken: { from: number; to: number; level: number }[] = [];
  for (const group of grouped(milestones, scale)) {
    const [first] = group;
    if (first === undefined) continue;
    const x = xOf(scale, first.ms);
    const text = group.map(textOf).join(" · ");
    const width = widthOf(text);
    const isLeft = x + width > scale.width && x > width;
    const [from, to] = isLeft ? [x - width, x] : [x, x + width];
    let level = 0;
    while (taken.some((one) => one.level === level && one.from < to && from < one.to)) level += 1;
    taken.push({ from, to, level });
    flags.push({ ...first, x, text, isLeft, level });
  }
  return flags;
}

function grouped(milestones: readonly Milestone[], scale: Scale): Milestone[][] {
  const groups: Milestone[][] = [];
  for (const milestone of milestones) {
    if (milestone.ms < scale.span.from || milestone.ms > scale.span.to) continue;
    const last = groups.at(-1);
    const before = last?.[0];
    const isSame =
      before !== undefined &&
      !isTrouble(before) &&
      !isTrouble(milestone) &&
      xOf(scale, milestone.ms) - xOf(scale, before.ms) < SAME_PX;
    if (isSame) last?.push(milestone);
    else groups.push([milestone]);
  }
  return groups;
}

function isTrouble({ name }: Milestone): boolean {
  return name === "failed" || name === "error" || name === "left";
}
