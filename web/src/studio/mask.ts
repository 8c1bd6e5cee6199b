/** What has been painted on a mask, as strokes that can be undone: pure, but for `paint`, which draws them. */

export interface Point {
  x: number;
  y: number;
}

/** In pixels of the picture. */
export type Stroke =
  | { kind: "brush"; width: number; points: readonly Point[] }
  | { kind: "eraser"; width: number; points: readonly Point[] }
  | { kind: "clear" }
  | { kind: "invert" };

export interface MaskState {
  strokes: readonly Stroke[];
  /** Undone, the last one first. */
  undone: readonly Stroke[];
}

export const EMPTY: MaskState = { strokes: [], undone: [] };

export function added(state: MaskState, stroke: Stroke): MaskState {
  return { strokes: [...state.strokes, stroke], undone: [] };
}

export function undo({ strokes, undone }: MaskState): MaskState {
  const last = strokes.at(-1);
  return last === undefined ? { strokes, undone } : { strokes: strokes.slice(0, -1), undone: [last, ...undone] };
}

export function redo({ strokes, undone }: MaskState): MaskState {
  const [first, ...rest] = undone;
  return first === undefined ? { strokes, undone } : { strokes: [...strokes, first], undone: rest };
}

/** Where the brush is, on the picture, from where the pointer is, on the screen. */
export function toPicture(pointer: Point, box: { left: number; top: number; width: number; height: number }, size: { width: number; height: number }): Point {
  return { x: ((pointer.x - box.left) / box.width) * size.width, y: ((pointer.y - box.top) / box.height) * size.height };
}

/** Where a key leads from there: an arrow so far, within the picture; space and enter nowhere else. Others: undefined. */
export function moved(from: Point, key: string, step: number, size: { width: number; height: number }): Point | undefined {
  if (key === " " || key === "Enter") return from;
  const [x, y] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[key] ?? [];
  if (x === undefined || y === undefined) return undefined;
  const within = (value: number, most: number) => Math.min(most, Math.max(0, value));
  return { x: within(from.x + x, size.width), y: within(from.y + y, size.height) };
}

type Canvas = Pick<CanvasRenderingContext2D, "canvas" | "globalCompositeOperation" | "lineCap" | "lineJoin" | "lineWidth" | "strokeStyle" | "fillStyle" | "beginPath" | "moveTo" | "lineTo" | "arc" | "stroke" | "fill" | "clearRect" | "fillRect" | "drawImage">;

/** Draw the strokes anew, over what was painted `before`: what may change is filled, all else empty. */
export function paint(context: Canvas, strokes: readonly Stroke[], colour: string, before?: CanvasImageSource): void {
  const { width, height } = context.canvas;
  context.globalCompositeOperation = "source-over";
  context.clearRect(0, 0, width, height);
  if (before) context.drawImage(before, 0, 0);
  for (const stroke of strokes) paintStroke(context, stroke, colour);
  context.globalCompositeOperation = "source-over";
}

function paintStroke(context: Canvas, stroke: Stroke, colour: string): void {
  const { width, height } = context.canvas;
  context.fillStyle = colour;
  if (stroke.kind === "clear") {
    context.clearRect(0, 0, width, height);
    return;
  }
  if (stroke.kind === "invert") {
    context.globalCompositeOperation = "xor";
    context.fillRect(0, 0, width, height);
    context.globalCompositeOperation = "source-over";
    return;
  }
  context.globalCompositeOperation = stroke.kind === "brush" ? "source-over" : "destination-out";
  context.strokeStyle = colour;
  context.lineWidth = stroke.width;
  context.lineCap = "round";
  context.lineJoin = "round";
  const [first, ...rest] = stroke.points;
  if (first === undefined) return;
  context.beginPath();
  if (rest.every(({ x, y }) => x === first.x && y === first.y)) {
    // A touch without a movement is a dot, which a line without a length is not: browsers leave that out.
    context.arc(first.x, first.y, stroke.width / 2, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  context.moveTo(first.x, first.y);
  for (const point of rest) context.lineTo(point.x, point.y);
  context.stroke();
}
