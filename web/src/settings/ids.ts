/** An id that no other profile has; `crypto.randomUUID` is missing where a page comes by http from afar. */
export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
