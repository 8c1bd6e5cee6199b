/** A mask as the API has it, a PNG with holes where the picture may change, from what was painted; and back. */

/** Half-covered pixels at a stroke's border may change, too: the API looks for an alpha of zero. */
const COVERED = 64;

/** Null if nothing was painted. Black, all else being equal: the API wants a small file. */
export async function maskFrom(painted: HTMLCanvasElement): Promise<Blob | null> {
  const { width, height } = painted;
  const pixels = painted.getContext("2d")?.getImageData(0, 0, width, height).data;
  if (!pixels?.some((value, index) => index % 4 === 3 && value >= COVERED)) return null;
  const holes = new ImageData(width, height);
  for (let at = 3; at < pixels.length; at += 4) holes.data[at] = (pixels[at] ?? 0) >= COVERED ? 0 : 255;
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.putImageData(holes, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

/** What was painted to make that mask, in one colour. */
export async function paintedFrom(mask: Blob, colour: string): Promise<OffscreenCanvas> {
  const bitmap = await createImageBitmap(mask);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  if (context !== null) {
    context.fillStyle = colour;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.globalCompositeOperation = "destination-out";
    context.drawImage(bitmap, 0, 0);
  }
  bitmap.close();
  return canvas;
}
