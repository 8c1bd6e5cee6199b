/** Images that go with a message: files in, `data:` addresses out. */

import type { Picture } from "./types";

/** What all three APIs take. */
export const ACCEPTED = ["image/png", "image/jpeg", "image/webp", "image/gif"] as const;

/** Of one file. Anthropic takes 5 MB, OpenAI 50; the gateway bodies of 64. */
export const MAX_BYTES = 20_000_000;

export const MAX_PICTURES = 10;

export type Refusal = { why: "notPicture" | "pictureTooBig"; name: string };

export async function picturesOf(files: readonly File[]): Promise<{ pictures: Picture[]; refused: Refusal[] }> {
  const pictures: Picture[] = [];
  const refused: Refusal[] = [];
  for (const file of files) {
    if (!(ACCEPTED as readonly string[]).includes(file.type)) refused.push({ why: "notPicture", name: file.name });
    else if (file.size > MAX_BYTES) refused.push({ why: "pictureTooBig", name: file.name });
    else pictures.push({ name: file.name, url: await addressOf(file) });
  }
  return { pictures, refused };
}

function addressOf(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error ?? new Error("the file can't be read"));
    reader.readAsDataURL(file);
  });
}
