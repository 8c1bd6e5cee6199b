/**
 * Sizes of pictures: presets, and what a free size must obey.
 *
 * The limits are those that OpenAI states for gpt-image-2 and later (its SDK's `image_generate_params`); older models
 * know the three standard sizes only. Other providers have other limits, so a size beyond them is a warning, no more.
 */

export const EDGE_STEP = 16;
export const MAX_EDGE = 3840;
export const MAX_PIXELS = 3840 * 2160;
/** Above this, OpenAI calls it experimental. */
export const PROVEN_PIXELS = 2560 * 1440;
export const MIN_PIXELS = 655_360;
export const MAX_RATIO = 3;

export const STANDARD_SIZES = ["1024x1024", "1536x1024", "1024x1536"] as const;
export const LARGE_SIZES = ["1536x864", "864x1536", "2048x2048", "2560x1440", "1440x2560", "3840x2160", "2160x3840"] as const;

export interface Size {
  width: number;
  height: number;
}

export type SizeFault = "step" | "edge" | "ratio" | "large" | "small" | "experimental";

/** Of `1536x1024`; null for `auto` and anything else. */
export function parseSize(text: string): Size | null {
  const found = /^(\d{1,5})x(\d{1,5})$/.exec(text);
  return found ? { width: Number(found[1]), height: Number(found[2]) } : null;
}

export function sizeText({ width, height }: Size): string {
  return `${width}x${height}`;
}

/** Which limits a size is beyond. */
export function sizeFaults({ width, height }: Size): SizeFault[] {
  const faults: SizeFault[] = [];
  const [long, short] = [Math.max(width, height), Math.min(width, height)];
  const pixels = width * height;
  if (width % EDGE_STEP !== 0 || height % EDGE_STEP !== 0) faults.push("step");
  if (long > MAX_EDGE) faults.push("edge");
  if (short <= 0 || long / short > MAX_RATIO) faults.push("ratio");
  if (pixels > MAX_PIXELS) faults.push("large");
  else if (pixels > PROVEN_PIXELS) faults.push("experimental");
  if (pixels < MIN_PIXELS) faults.push("small");
  return faults;
}

/** The size nearest in shape and area that keeps all limits. */
export function nearestSize({ width, height }: Size): Size {
  const ratio = Math.min(MAX_RATIO, Math.max(1 / MAX_RATIO, width / Math.max(1, height)));
  const pixels = Math.min(MAX_PIXELS, Math.max(MIN_PIXELS, width * height));
  const edge = (value: number) => Math.min(MAX_EDGE, Math.max(EDGE_STEP, Math.round(value / EDGE_STEP) * EDGE_STEP));
  let best = { width: 1024, height: 1024 };
  let bestMiss = Infinity;
  const around = edge(Math.sqrt(pixels * ratio));
  // Rounding may break a limit by a step or two: look around, and take what misses the least.
  for (let w = around - 4 * EDGE_STEP; w <= around + 4 * EDGE_STEP; w += EDGE_STEP) {
    const middle = edge(w / ratio);
    for (let h = middle - 4 * EDGE_STEP; h <= middle + 4 * EDGE_STEP; h += EDGE_STEP) {
      if (w <= 0 || h <= 0 || sizeFaults({ width: w, height: h }).some((fault) => fault !== "experimental")) continue;
      const miss = Math.abs(Math.log(w / h / ratio)) + Math.abs(Math.log((w * h) / pixels));
      if (miss < bestMiss) [best, bestMiss] = [{ width: w, height: h }, miss];
    }
  }
  return best;
}

/** As `3:2`, for those who think in shapes. */
export function shapeOf({ width, height }: Size): string {
  const divisor = common(width, height) || 1;
  const [a, b] = [width / divisor, height / divisor];
  return a <= 32 && b <= 32 ? `${a}:${b}` : `${(width / Math.max(1, height)).toFixed(2)}:1`;
}

function common(a: number, b: number): number {
  return b === 0 ? a : common(b, a % b);
}
