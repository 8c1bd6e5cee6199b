/** Bytes of pictures: from base64, their kind, their size, their hash. */

/** A picture from base64, or from a `data:` address. */
export function fromBase64(text: string): Blob {
  const bare = text.startsWith("data:") ? text.slice(text.indexOf(",") + 1) : text;
  const binary = atob(bare.replace(/-/g, "+").replace(/_/g, "/").replace(/\s/g, ""));
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return new Blob([bytes], { type: kindOf(bytes) });
}

/** By the first bytes: what a provider says its format is, and what it sends, are not always one. */
export function kindOf(bytes: Uint8Array): string {
  const begins = (...start: number[]) => start.every((byte, at) => bytes[at] === byte);
  const word = (from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));
  if (begins(0x89, 0x50, 0x4e, 0x47)) return "image/png";
  if (begins(0xff, 0xd8, 0xff)) return "image/jpeg";
  if (word(0, 4) === "RIFF" && word(8, 12) === "WEBP") return "image/webp";
  if (word(0, 3) === "GIF") return "image/gif";
  if (word(4, 12) === "ftypavif") return "image/avif";
  return "application/octet-stream";
}

export function extensionOf(mime: string): string {
  return { "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif", "image/avif": "avif" }[mime] ?? "bin";
}

/** Width and height in pixels; zeros if the browser can't show it. */
export async function measure(blob: Blob): Promise<{ width: number; height: number }> {
  try {
    const bitmap = await createImageBitmap(blob);
    const { width, height } = bitmap;
    bitmap.close();
    return { width, height };
  } catch {
    return { width: 0, height: 0 };
  }
}

/** SHA-256 in hexadecimal digits. */
export async function hashOf(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  // Pages from plain http addresses of other machines have no `subtle`.
  const subtle = (globalThis.crypto as Partial<Crypto>).subtle;
  const digest = subtle ? new Uint8Array(await subtle.digest("SHA-256", bytes)) : sha256(bytes);
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** SHA-256, after FIPS 180-4, for where the browser keeps its own from us. */
export function sha256(message: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil((message.length + 9) / 64) * 64);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(message.length / 0x2000_0000));
  view.setUint32(padded.length - 4, (message.length << 3) >>> 0);
  const { k, start } = constants();
  const h = Uint32Array.from(start);
  const w = new Uint32Array(64);
  const at = (array: Uint32Array, index: number) => array[index] ?? 0;
  const turn = (x: number, by: number) => (x >>> by) | (x << (32 - by));
  for (let block = 0; block < padded.length; block += 64) {
    for (let i = 0; i < 16; i += 1) w[i] = view.getUint32(block + i * 4);
    for (let i = 16; i < 64; i += 1) {
      const [x, y] = [at(w, i - 15), at(w, i - 2)];
      const s0 = turn(x, 7) ^ turn(x, 18) ^ (x >>> 3);
      const s1 = turn(y, 17) ^ turn(y, 19) ^ (y >>> 10);
      w[i] = at(w, i - 16) + s0 + at(w, i - 7) + s1;
    }
    let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, last = 0] = h;
    for (let i = 0; i < 64; i += 1) {
      const t1 = (last + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + at(k, i) + at(w, i)) | 0;
      const t2 = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [last, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
    }
    [a, b, c, d, e, f, g, last].forEach((value, i) => (h[i] = at(h, i) + value));
  }
  const digest = new DataView(new ArrayBuffer(32));
  h.forEach((value, i) => digest.setUint32(i * 4, value));
  return new Uint8Array(digest.buffer);
}

let made: { k: Uint32Array; start: Uint32Array } | undefined;

/** The first 32 bits of the fractional parts of the roots of the first primes: cube roots, and square roots to begin with. */
function constants(): { k: Uint32Array; start: Uint32Array } {
  if (made) return made;
  const primes: number[] = [];
  for (let n = 2; primes.length < 64; n += 1) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  const fraction = (root: number) => ((root - Math.floor(root)) * 2 ** 32) >>> 0;
  made = {
    k: Uint32Array.from(primes, (prime) => fraction(Math.cbrt(prime))),
    start: Uint32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime))),
  };
  return made;
}
