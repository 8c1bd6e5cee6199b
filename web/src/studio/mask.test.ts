import { describe, expect, it } from "vitest";

import { added, EMPTY, moved, paint, redo, type Stroke, toPicture, undo } from "./mask";

const DOT: Stroke = { kind: "brush", width: 4, points: [{ x: 1, y: 2 }] };
const LINE: Stroke = { kind: "eraser", width: 4, points: [{ x: 1, y: 2 }, { x: 3, y: 4 }] };

/** A context that notes what is done to it. */
function recorder() {
  const done: string[] = [];
  const note = (name: string) => (...values: unknown[]) => void done.push(`${name}(${values.filter((one) => typeof one === "number").join(",")}) ${context.globalCompositeOperation}`);
  const context = {
    canvas: { width: 8, height: 6 } as HTMLCanvasElement,
    globalCompositeOperation: "source-over" as GlobalCompositeOperation,
    lineCap: "butt" as CanvasLineCap,
    lineJoin: "miter" as CanvasLineJoin,
    lineWidth: 0,
    strokeStyle: "",
    fillStyle: "",
    beginPath: () => undefined,
    moveTo: note("moveTo"),
    lineTo: note("lineTo"),
    arc: note("arc"),
    stroke: note("stroke"),
    fill: note("fill"),
    clearRect: note("clearRect"),
    fillRect: note("fillRect"),
    drawImage: note("drawImage"),
  };
  return { context, done };
}

describe("a mask", () => {
  it("takes strokes back and brings them again, until there is a new one", () => {
    const two = added(added(EMPTY, DOT), LINE);
    const back = undo(undo(undo(two)));
    expect(back.strokes).toEqual([]);
    expect(redo(redo(redo(back)))).toEqual(two);
    expect(added(undo(two), DOT)).toEqual({ strokes: [DOT, DOT], undone: [] });
  });

  it("is painted where the pointer is, however large the picture is shown", () => {
    expect(toPicture({ x: 110, y: 60 }, { left: 10, top: 10, width: 200, height: 100 }, { width: 1000, height: 500 })).toEqual({ x: 500, y: 250 });
  });

  it("can be painted with keys, which do not lead out of the picture", () => {
    const size = { width: 10, height: 10 };
    expect(moved({ x: 5, y: 5 }, "ArrowLeft", 2, size)).toEqual({ x: 3, y: 5 });
    expect(moved({ x: 9, y: 9 }, "ArrowDown", 2, size)).toEqual({ x: 9, y: 10 });
    const from = { x: 5, y: 5 };
    expect(moved(from, " ", 2, size)).toBe(from);
    expect(moved(from, "a", 2, size)).toBeUndefined();
  });

  it("is drawn anew with each stroke, over what was painted before", () => {
    const { context, done } = recorder();
    paint(context, [DOT, LINE, { kind: "invert" }, { kind: "clear" }], "red", {} as CanvasImageSource);
    expect(done).toEqual([
      "clearRect(0,0,8,6) source-over",
      "drawImage(0,0) source-over",
      // A touch without a movement is a dot.
      `arc(1,2,2,0,${2 * Math.PI}) source-over`,
      "fill() source-over",
      "moveTo(1,2) destination-out",
      "lineTo(3,4) destination-out",
      "stroke() destination-out",
      "fillRect(0,0,8,6) xor",
      "clearRect(0,0,8,6) source-over",
    ]);
  });
});
