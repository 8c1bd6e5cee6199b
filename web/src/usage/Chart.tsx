/** Sums by day as bars, one on top of the other; means as lines. Loaded when it is shown: uPlot is large. */

import "uplot/dist/uPlot.min.css";

import { useComputedColorScheme } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useEffect, useRef } from "react";
import uPlot from "uplot";

import classes from "./Usage.module.css";

export interface ChartProps {
  /** What it shows, for those who listen. */
  label: string;
  /** What the days are called. */
  dayLabel: string;
  /** As `2027-01-31`. */
  days: readonly string[];
  series: readonly { label: string; values: readonly (number | null)[] }[];
  /** Upper edges of the bars, one list for each of `series`; without them: lines. */
  edges?: readonly (readonly number[])[];
  format: (value: number | null | undefined) => string;
  formatDay: (day: string) => string;
  /** Colours of the series, as CSS has them. */
  colors: readonly string[];
  /** One of several: less high, and its legend has figures only of the day that is pointed at. */
  isSmall?: boolean;
}

const HEIGHT_PX = 260;
const SMALL_PX = 150;

export default function Chart({ label, dayLabel, days, series, edges, format, formatDay, colors, isSmall = false }: ChartProps) {
  const { ref: measured, width } = useElementSize();
  const place = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme();

  useEffect(() => {
    const element = place.current;
    if (element === null || width === 0) return;
    const style = getComputedStyle(element);
    const color = (name: string) => style.getPropertyValue(name).trim();
    const none = isSmall ? "" : "–";
    const axis = { stroke: color("--mantine-color-dimmed"), grid: { stroke: color("--sw-line"), width: 1 }, ticks: { show: false } };
    const bars = uPlot.paths.bars?.({ size: [0.72, 56], radius: 0.12 });
    // The highest pile is painted first, so that each shows only what is its own.
    const order = edges ? series.map((_, index) => index).reverse() : series.map((_, index) => index);
    const chart = new uPlot(
      {
        width,
        height: isSmall ? SMALL_PX : HEIGHT_PX,
        cursor: { y: false, points: { show: !edges }, drag: { x: false, y: false } },
        scales: { x: { time: false, range: (_, from, to) => [from - 0.6, to + 0.6] }, y: { range: (_, __, most) => [0, (most || 1) * 1.08] } },
        axes: [
          { ...axis, ...(isSmall ? { size: 26 } : {}), grid: { show: false }, values: (_, splits) => splits.map((at) => (Number.isInteger(at) && days[at] ? formatDay(days[at]) : "")) },
          { ...axis, size: 64, values: (_, splits) => splits.map((value) => format(value)) },
        ],
        legend: { live: true },
        series: [
          { label: isSmall ? "" : dayLabel, value: (_, at) => (typeof at === "number" && days[at] ? formatDay(days[at]) : none) },
          ...order.map((index): uPlot.Series => {
            const paint = style.getPropertyValue(colors[index % colors.length]?.replace(/^var\((.*)\)$/, "$1") ?? "").trim();
            const value = (_: uPlot, __: number, ___: number, at: number | null) => (at === null ? none : format(series[index]?.values[at]));
            const common = { label: series[index]?.label ?? "", stroke: paint, value };
            return edges && bars ? { ...common, fill: paint, width: 0, paths: bars, points: { show: false } } : { ...common, width: 2, spanGaps: true };
          }),
        ],
      },
      [days.map((_, index) => index), ...order.map((index) => [...(edges ? (edges[index] ?? []) : (series[index]?.values ?? []))])],
      element,
    );
    return () => chart.destroy();
  }, [width, scheme, dayLabel, days, series, edges, format, formatDay, colors, isSmall]);

  return (
    <div ref={measured} role="img" aria-label={label} className={classes.chart} data-small={isSmall || undefined}>
      <div ref={place} />
    </div>
  );
}
