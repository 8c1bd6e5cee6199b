/** Images that go with a message: files in, `data:` addresses out, none larger than a model looks at. */

import type { Picture, Size } from "./types";

/** What all three APIs take. */
export const ACCEPTED = ["image/png", "image/jpeg", "image/webp", "image/gif"] as const;

/** Of one image as it is sent. Anthropic takes 5 MB, OpenAI 50; the gateway bodies of 64. */
export const MAX_BYTES = 20_000_000;

export const MAX_PICTURES = 10;

/** Larger images are scaled down: providers do it too, and each copy in the history would have all of it. */
export const MAX_SIDE_PX = 2048;

/** Of JPEG and WebP: nothing to be seen is lost. */
const QUALITY = 0.9;

export type Refusal = { why: "notPicture" | "pictureTooBig" | "unreadable"; name: string };

export async function picturesOf(files: readonly File[]): Promise<{ pictures: Picture[]; refused: Refusal[] }> {
  const pictures: Picture[] = [];
  const refused: Refusal[] = [];
  for (const file of files) {
    const { name } = file;
    if (!(ACCEPTED as readonly string[]).includes(file.type)) {
      refused.push({ why: "notPicture", name });
      continue;
    }
    try {
      const { blob, scaled } = await small(file);
      if (blob.size > MAX_BYTES) refused.push({ why: "pictureTooBig", name });
      else pictures.push({ name, url: await addressOf(blob), ...(scaled ? { scaled } : {}) });
    } catch {
      refused.push({ why: "unreadable", name });
    }
  }
  return { pictures, refused };
}

/** The size with the same proportions whose long side is at most that; `null`: it is small enough. */
export function fitted({ width, height }: Size, longest: number): Size | null {
  const by = longest / Math.max(width, height);
  if (by >= 1) return null;
  const side = (px: number) => Math.max(1, Math.round(px * by));
  return { width: side(width), height: side(height) };
}

/** What the browser can't read throws. */
async function small(file: File): Promise<{ blob: Blob; scaled?: NonNullable<Picture["scaled"]> }> {
  const bitmap = await createImageBitmap(file);
  const from: Size = { width: bitmap.width, height: bitmap.height };
  const to = fitted(from, MAX_SIDE_PX);
  try {
    // An animation would stand still.
    if (to === null || file.type === "image/gif") return { blob: file };
    return { blob: await drawn(bitmap, to, file.type), scaled: { from, to } };
  } finally {
    bitmap.close();
  }
}

function drawn(bitmap: ImageBitmap, { width, height }: Size, type: string): Promise<Blob> {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  if (!context) throw new Error("the browser does not draw");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  // A browser that can't write the type makes a PNG of it, and says so in the blob.
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the image can't be scaled"))), type, QUALITY),
  );
}

function addressOf(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error ?? new Error("the file can't be read"));
    reader.readAsDataURL(file);
  });
}
