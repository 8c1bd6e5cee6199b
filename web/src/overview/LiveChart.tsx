/** A small chart that moves. Loaded when it is shown: uPlot is large. */

import "uplot/dist/uPlot.min.css";

import { useComputedColorScheme } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useEffect, useRef } from "react";
import uPlot from "uplot";

export interface Line {
  label: string;
  /** The name of a variable, as `--sw-accent`. */
  color: string;
  values: readonly (number | null)[];
  dots?: boolean;
}

export interface LiveChartProps {
  label: string;
  /** Unix seconds, ascending. */
  xs: readonly number[];
  lines: readonly Line[];
  /** From and to, in Unix seconds. */
  span: readonly [number, number];
  format: (value: number) => string;
  formatTime: (unixS: number) => string;
  /** Of a chart whose values lie far apart. */
  logarithmic?: boolean;
}

const HEIGHT_PX = 150;
const LONGEST_LABEL_PX = 52;

/** Its name is in an enumeration that exists for the compiler alone. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment
const LOGARITHMIC = 3 as uPlot.Scale.Distr;

export default function LiveChart(props: LiveChartProps) {
  const { label, xs, lines, span, logarithmic = false } = props;
  const { ref: measured, width } = useElementSize();
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(null);
  const latest = useRef(props);
  const scheme = useComputedColorScheme();
  const kinds = lines.map((line) => `${line.label} ${line.color} ${line.dots ?? false}`).join("|");

  useEffect(() => {
    latest.current = props;
  });

  useEffect(() => {
    const element = place.current;
    if (element === null || width === 0) return;
    const style = getComputedStyle(element);
    const color = (name: string) => style.getPropertyValue(name).trim();
    const axis = { stroke: color("--mantine-color-dimmed"), grid: { stroke: color("--sw-line"), width: 1 }, ticks: { show: false } };
    const now = () => latest.current;
    const made = new uPlot(
      {
        width,
        height: HEIGHT_PX,
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false } },
        scales: {
          x: { range: () => [...now().span] },
          y: logarithmic
            ? { distr: LOGARITHMIC, range: (_, least, most) => [Math.min(100, least || 100), Math.max(10_000, most || 0)] }
            : { range: (_, __, most) => [0, Math.max(4, (most || 0) * 1.15)] },
        },
        axes: [
          { ...axis, grid: { show: false }, size: 26, space: 90, values: (_, splits) => splits.map((at) => now().formatTime(at)) },
          {
            ...axis,
            size: LONGEST_LABEL_PX,
            space: 34,
            ...(logarithmic ? { splits: (_: uPlot, __: number, least: number, most: number) => powers(least, most) } : {}),
            values: (_, splits) => splits.map((value) => (Number.isInteger(value) ? now().format(value) : "")),
          },
        ],
        series: [
          {},
          ...now().lines.map((line): uPlot.Series => {
            const stroke = color(line.color);
            if (line.dots) return { label: line.label, stroke, width: 0, paths: () => null, points: { show: true, size: 6, fill: stroke } };
            return { label: line.label, stroke, width: 2, fill: `color-mix(in srgb, ${stroke} 14%, transparent)`, points: { show: false } };
          }),
        ],
      },
      dataOf(now()),
      element,
    );
    chart.current = made;
    return () => {
      chart.current = null;
      made.destroy();
    };
  }, [width, scheme, kinds, logarithmic]);

  useEffect(() => {
    chart.current?.setData(dataOf(latest.current));
  }, [xs, lines, span]);

  return (
    <div ref={measured} role="img" aria-label={label}>
      <div ref={place} style={{ blockSize: HEIGHT_PX }} />
    </div>
  );
}

function dataOf({ xs, lines }: LiveChartProps): uPlot.AlignedData {
  return [[...xs], ...lines.map((line) => [...line.values])];
}

/** On a logarithmic scale only the powers of ten have a line. */
function powers(least: number, most: number): number[] {
  const found: number[] = [];
  for (let value = 10 ** Math.floor(Math.log10(least)); value <= most; value *= 10) if (value >= least) found.push(value);
  return found;
}
