import { useElementSize } from "@mantine/hooks";
import { useEffect, useId, useMemo, useRef, useState } from "react";

import { useFormat } from "@/i18n";

import { msOf, nearest, pictureOf, type Scale, xOf } from "./geometry";
import { useT } from "./i18n";
import { LaneView, useLanes } from "./Lanes";
import { type Flag, flagsOf, type Milestone, milestonesOf } from "./milestones";
import type { Story } from "./timeline";
import { ALL, panned, range, spanOf, ticksOf, type View, zoomed } from "./viewport";
import classes from "./Waterfall.module.css";

interface Props {
  story: Story;
  /** How long the request has been running, or did, in milliseconds. */
  nowMs: number;
  view: View;
  onView: (view: View) => void;
  /** The number of an event. */
  selected: number | undefined;
  onSelect: (number: number) => void;
}

const AXIS_HEIGHT = 22;
const FLAG_HEIGHT = 17;
/** A hand is not still: what moves less is a click. */
const DRAG_PX = 5;

/** What happened, along the time. Everything in it is in the table of events, too. */
export function Waterfall({ story, nowMs, view, onView, selected, onSelect }: Props) {
  const t = useT();
  const format = useFormat();
  const { ref, width } = useElementSize<HTMLDivElement>();
  const readout = useId();
  const [pointer, setPointer] = useState<{ ms: number; from?: number } | undefined>();
  const span = spanOf(view, nowMs);
  const scale: Scale = { span, width: Math.max(width, 50) };
  const picture = pictureOf(story, scale, nowMs);
  const flags = flagsOf(useMemo(() => milestonesOf(story), [story]), scale, (one) => flagText(t, one));
  const levels = Math.max(1, ...flags.map((flag) => flag.level + 1));
  const { lanes, bottom } = useLanes(picture, AXIS_HEIGHT + levels * FLAG_HEIGHT + 8);

  const state = useRef({ view, nowMs, scale, onView });
  useEffect(() => {
    state.current = { view, nowMs, scale, onView };
  });
  const svg = useRef<SVGSVGElement>(null);
  useEffect(() => {
    const element = svg.current;
    const wheeled = (event: WheelEvent) => {
      const now = state.current;
      // The page scrolls as ever; closer with Ctrl, which is also what pinching on a touchpad says.
      if (event.ctrlKey || event.metaKey) {
        const at = msOf(now.scale, event.clientX - (element?.getBoundingClientRect().left ?? 0));
        now.onView(zoomed(now.view, now.nowMs, Math.exp(-event.deltaY / 200), at));
      } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        now.onView(panned(now.view, now.nowMs, event.deltaX / now.scale.width));
      } else return;
      event.preventDefault();
    };
    element?.addEventListener("wheel", wheeled, { passive: false });
    return () => element?.removeEventListener("wheel", wheeled);
  }, []);

  const msAt = (event: React.PointerEvent) => msOf(scale, event.clientX - event.currentTarget.getBoundingClientRect().left);
  const moved = (event: React.PointerEvent) => {
    const ms = msAt(event);
    if (event.pointerType === "touch" && pointer?.from !== undefined) {
      onView(panned(view, nowMs, (pointer.ms - ms) / (span.to - span.from)));
      return;
    }
    setPointer((before) => ({ ...before, ms }));
  };
  const pressed = (event: React.PointerEvent) => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const ms = msAt(event);
    setPointer({ ms, from: ms });
  };
  const released = (event: React.PointerEvent) => {
    const from = pointer?.from;
    const ms = msAt(event);
    setPointer(event.pointerType === "touch" ? undefined : { ms });
    if (from === undefined) return;
    if (Math.abs(xOf(scale, ms) - xOf(scale, from)) >= DRAG_PX) {
      if (event.pointerType !== "touch") onView(range(from, ms, nowMs));
    } else select(nearest(story.events, ms));
  };

  const select = (place: number) => {
    const event = story.events[Math.max(0, Math.min(place, story.events.length - 1))];
    if (event !== undefined) onSelect(event.number);
  };
  const place = story.events.findIndex((event) => event.number === selected);
  const keys: Record<string, () => void> = {
    ArrowLeft: () => onView(panned(view, nowMs, -0.2)),
    ArrowRight: () => onView(panned(view, nowMs, 0.2)),
    "+": () => onView(zoomed(view, nowMs, 1.6, focusOf(place))),
    "=": () => onView(zoomed(view, nowMs, 1.6, focusOf(place))),
    "-": () => onView(zoomed(view, nowMs, 1 / 1.6, focusOf(place))),
    "0": () => onView(ALL),
    ArrowUp: () => select(place - 1),
    ArrowDown: () => select(place + 1),
    Home: () => select(0),
    End: () => select(story.events.length - 1),
  };
  const focusOf = (at: number) => {
    const ms = story.events[at]?.ms;
    return ms !== undefined && ms >= span.from && ms <= span.to ? ms : undefined;
  };

  const shown = pointer === undefined ? story.events[place] : story.events[nearest(story.events, pointer.ms)];
  const words =
    shown === undefined
      ? []
      : [
          t("readAt", { time: format.duration(pointer === undefined ? shown.ms : pointer.ms) }),
          t("readEvent", { n: shown.number, kind: shown.kind }),
          ...(shown.size === null ? [] : [format.bytes(shown.size)]),
          ...(shown.gap_ms === null ? [] : [t("readGap", { time: format.duration(shown.gap_ms) })]),
        ];
  const label = t("waterfallLabel", {
    from: format.duration(span.from),
    to: format.duration(Math.min(span.to, nowMs)),
    total: format.duration(nowMs),
  });
  const line = (ms: number) => ({ x1: xOf(scale, ms), x2: xOf(scale, ms), y1: AXIS_HEIGHT, y2: bottom });
  return (
    <div
      ref={ref}
      className={classes.waterfall}
      role="group"
      tabIndex={0}
      aria-label={label}
      aria-describedby={readout}
      onKeyDown={(event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const run = keys[event.key];
        if (run === undefined) return;
        event.preventDefault();
        run();
      }}
    >
      <svg
        ref={svg}
        width={scale.width}
        height={bottom}
        aria-hidden
        onPointerMove={moved}
        onPointerDown={pressed}
        onPointerUp={released}
        onPointerCancel={() => setPointer(undefined)}
        onPointerLeave={() => setPointer((before) => (before?.from === undefined ? undefined : before))}
        onDoubleClick={() => onView(ALL)}
      >
        <defs>
          <pattern id="stream-silence" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect width="7" height="7" className={classes.silenceGround} />
            <rect width="2.5" height="7" className={classes.silenceStripe} />
          </pattern>
        </defs>
        {ticksOf(span, scale.width / 90).map((ms) => (
          <g key={ms}>
            <line className={classes.grid} {...line(ms)} />
            <text className={classes.axis} x={Math.min(Math.max(xOf(scale, ms), 14), scale.width - 22)} y={14}>
              {format.duration(ms)}
            </text>
          </g>
        ))}
        {flags.map((flag) => (
          <FlagView key={`${flag.name} ${flag.ms}`} flag={flag} bottom={bottom} />
        ))}
        {lanes.map((lane) => (
          <LaneView key={lane.name} lane={lane} />
        ))}
        {shown !== undefined && pointer === undefined && shown.ms >= span.from && shown.ms <= span.to && (
          <line className={classes.selected} {...line(shown.ms)} />
        )}
        {pointer !== undefined && <line className={classes.pointer} {...line(pointer.ms)} />}
        {pointer?.from !== undefined && (
          <rect
            className={classes.brush}
            x={Math.min(xOf(scale, pointer.from), xOf(scale, pointer.ms))}
            width={Math.abs(xOf(scale, pointer.ms) - xOf(scale, pointer.from))}
            y={AXIS_HEIGHT}
            height={bottom - AXIS_HEIGHT}
          />
        )}
      </svg>
      <div id={readout} className={classes.readout} aria-live={pointer === undefined ? "polite" : "off"}>
        {words.length > 0 ? words.join(" · ") : t("hint")}
      </div>
    </div>
  );
}

function FlagView({ flag, bottom }: { flag: Flag; bottom: number }) {
  const y = AXIS_HEIGHT + flag.level * FLAG_HEIGHT;
  return (
    <g className={classes.flag} data-flag={flag.name}>
      <line x1={flag.x} x2={flag.x} y1={y} y2={bottom} />
      <text x={flag.x + (flag.isLeft ? -5 : 5)} y={y + 12} textAnchor={flag.isLeft ? "end" : "start"}>
        {flag.text}
      </text>
    </g>
  );
}

function flagText(t: ReturnType<typeof useT>, { name, detail }: Milestone): string {
  const words = t(`flag_${name}`);
  if (name === "commit") return detail === "silence" ? `${words} ${t("commit_silence")}` : words;
  return detail === "" ? words : `${words} ${detail}`;
}
