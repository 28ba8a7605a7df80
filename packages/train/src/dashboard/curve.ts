/** A curve in the cells of a terminal. */

export interface CellCurve {
  /** One string for each row of cells. */
  rows: string[];
  low: number;
  high: number;
}

/**
 * Values as a curve of `width` x `height` cells: the mean of what falls into each column of dots, joined by lines.
 * @param braille cells of 2 x 4 dots, otherwise a star for each cell
 */
export function cellCurve(
  values: readonly number[],
  { width, height, braille }: { width: number; height: number; braille: boolean },
): CellCurve {
  const [across, down] = braille ? [2, 4] : [1, 1];
  const columns = columnMeans(values.filter(Number.isFinite), width * across);
  const low = columns.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = columns.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const dots = height * down;
  const rowOf = (value: number) =>
    high > low ? Math.round(((high - value) / (high - low)) * (dots - 1)) : dots >> 1;

  const cells = Array.from({ length: height }, () => new Uint8Array(width));
  for (const [x, value] of columns.entries()) {
    const [here, before] = [rowOf(value), rowOf(columns[x - 1] ?? value)];
    // Between neighbours that are far apart, all dots of the later column: a line without gaps.
    const from = here > before ? before + 1 : here;
    const to = here < before ? before - 1 : here;
    for (let y = Math.min(from, here); y <= Math.max(to, here); y++)
      cells[Math.floor(y / down)]![Math.floor(x / across)]! |= braille ? DOTS[y % 4]![x % 2]! : 1;
  }
  const sign = (bits: number) => (bits === 0 ? ' ' : braille ? String.fromCharCode(0x2800 + bits) : '*');
  return { rows: cells.map((row) => Array.from(row, sign).join('')), low, high };
}

/** The bit of each dot in a cell of braille (Unicode, block U+2800). */
const DOTS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;

/** At most `count` means of stretches; of fewer values, each as wide as its share. */
function columnMeans(values: readonly number[], count: number): number[] {
  if (values.length === 0) return [];
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * values.length) / count);
    const stretch = values.slice(from, Math.max(from + 1, Math.floor(((i + 1) * values.length) / count)));
    return stretch.reduce((sum, value) => sum + value, 0) / stretch.length;
  });
}
