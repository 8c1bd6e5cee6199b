/** Which rows of a long list are there. Pure. */

/** Above and below what is seen, so that scrolling a little shows no hole. */
const SPARE = 12;

export function windowOf(list: { rows: number; rowHeight: number; top: number; height: number }): { from: number; to: number } {
  const { rows, rowHeight, top, height } = list;
  const first = Math.floor(top / rowHeight);
  const from = Math.max(0, Math.min(first, rows - 1) - SPARE);
  const to = Math.min(rows, first + Math.ceil(height / rowHeight) + SPARE);
  return { from, to: Math.max(to, Math.min(rows, from + 1)) };
}
