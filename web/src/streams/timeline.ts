/** One request's timeline, put together from the pieces that the gateway tells. Pure. */

import type { Moment, Timeline, TimelineEvent } from "@/lib/api";

/** All that is known of it so far. */
export interface Story extends Pick<Timeline, "summary" | "phases" | "attempts" | "missed" | "lost_marks"> {
  events: readonly TimelineEvent[];
  marks: readonly Moment[];
}

/** As it comes: what has its usual value is left out. */
type Sparse<T, K extends keyof T> = Omit<T, K> & Partial<Pick<T, K>>;
export type Piece = Omit<Timeline, "events" | "marks"> & {
  events: readonly Sparse<TimelineEvent, "gap_ms" | "together" | "count" | "content">[];
  marks: readonly Sparse<Moment, "detail" | "lasted_ms">[];
};

/** A stream may go on for hours while the page is open: the oldest events go first, and are counted as missed. */
export const MAX_EVENTS = 20_000;

/** After another piece. A piece that begins anew, as after a break, adds only what is not known. */
export function told(story: Story | undefined, piece: Piece): Story {
  const events = [...(story?.events ?? [])];
  const last = events.at(-1);
  const next = last === undefined ? 0 : last.number + last.count;
  const news = piece.events.filter((event) => event.number >= next).map(wholeEvent);
  events.push(...news);
  const surplus = Math.max(0, events.length - MAX_EVENTS);
  return {
    summary: piece.summary,
    phases: piece.phases,
    attempts: piece.attempts,
    events: events.slice(surplus),
    marks: withMarks(story?.marks ?? [], piece.marks.map(wholeMark)),
    missed: Math.max(story?.missed ?? 0, 0) + (news.length > 0 || story === undefined ? piece.missed : 0) + surplus,
    lost_marks: piece.lost_marks,
  };
}

export function isOver(story: Story): boolean {
  return story.summary.outcome !== null;
}

/** A row of the list of everything that happened. */
export type Happening = { ms: number; event: TimelineEvent; mark?: never } | { ms: number; mark: Moment; event?: never };

/** Events and marks in one line of time; of the same moment, the mark first unless it is an end. */
export function happenings(story: Story): Happening[] {
  const rows: Happening[] = [];
  let place = 0;
  for (const event of story.events) {
    for (let mark = story.marks[place]; mark !== undefined && comesBefore(mark, event); mark = story.marks[place]) {
      rows.push({ ms: mark.ms, mark });
      place += 1;
    }
    rows.push({ ms: event.ms, event });
  }
  for (const mark of story.marks.slice(place)) rows.push({ ms: mark.ms, mark });
  return rows;
}

function comesBefore(mark: Moment, event: TimelineEvent): boolean {
  const isEnd = mark.kind === "error" || mark.kind === "left";
  return isEnd ? mark.ms < event.ms : mark.ms <= event.ms;
}

function withMarks(before: readonly Moment[], news: readonly Moment[]): readonly Moment[] {
  if (news.length === 0) return before;
  const known = new Set(before.map(nameOf));
  const marks = [...before];
  for (const mark of news) {
    if (known.has(nameOf(mark))) continue;
    if (mark.kind === "resume" && mark.lasted_ms !== null) endPause(marks, mark.lasted_ms);
    marks.push(mark);
  }
  return marks;
}

/** A pause that was told while it lasted does not know yet how long it did. */
function endPause(marks: Moment[], lasted_ms: number): void {
  const place = marks.findLastIndex((mark) => mark.kind === "pause");
  const pause = marks[place];
  if (pause?.lasted_ms === null) marks[place] = { ...pause, lasted_ms };
}

function nameOf(mark: Moment): string {
  return `${mark.ms} ${mark.kind} ${mark.detail}`;
}

function wholeEvent(event: Piece["events"][number]): TimelineEvent {
  return { ...event, gap_ms: event.gap_ms ?? null, together: event.together ?? 1, count: event.count ?? 1, content: event.content ?? null };
}

function wholeMark(mark: Piece["marks"][number]): Moment {
  return { ...mark, detail: mark.detail ?? "", lasted_ms: mark.lasted_ms ?? null };
}
