import { type NdArray, sizeOf } from '@pengi/core';

/** One comparison: how far we are off, and how far we may be. An exact comparison has tolerance 0. */
export interface Row {
  what: string;
  error: number;
  tolerance: number;
}

/** Collects the comparisons of one golden. */
export interface Report {
  readonly rows: readonly Row[];
  /** The largest absolute difference of two arrays of the same shape. */
  near(
    what: string,
    actual: NdArray | ArrayLike<number>,
    expected: NdArray | ArrayLike<number>,
    tolerance: number,
  ): void;
  /** ‖a - b‖ / ‖b‖ */
  nearL2(what: string, actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void;
  number(what: string, actual: number, expected: number, tolerance: number): void;
  /** Equality of anything that JSON can hold. */
  equal(what: string, actual: unknown, expected: unknown): void;
  add(row: Row): void;
}

export function createReport(): Report {
  const rows: Row[] = [];
  const dataOf = (x: NdArray | ArrayLike<number>): ArrayLike<number> =>
    'data' in (x as object) ? ((x as NdArray).data as ArrayLike<number>) : (x as ArrayLike<number>);
  return {
    rows,
    add: (row) => rows.push(row),
    near(what, actual, expected, tolerance) {
      const [a, e] = [dataOf(actual), dataOf(expected)];
      let error = a.length === e.length ? 0 : Number.POSITIVE_INFINITY;
      for (let i = 0; i < e.length && error < Number.POSITIVE_INFINITY; i++) {
        const difference = Math.abs(Number(a[i]) - Number(e[i]));
        // NaN is never near anything.
        error = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(error, difference);
      }
      rows.push({ what, error, tolerance });
    },
    nearL2(what, actual, expected, tolerance) {
      let [difference, norm] = [0, 0];
      for (let i = 0; i < expected.length; i++) {
        difference += (actual[i]! - expected[i]!) ** 2;
        norm += expected[i]! ** 2;
      }
      const error =
        actual.length === expected.length ? Math.sqrt(difference / norm) : Number.POSITIVE_INFINITY;
      rows.push({ what, error: Number.isNaN(error) ? Number.POSITIVE_INFINITY : error, tolerance });
    },
    number(what, actual, expected, tolerance) {
      const error = Math.abs(actual - expected);
      rows.push({ what, error: Number.isNaN(error) ? Number.POSITIVE_INFINITY : error, tolerance });
    },
    equal(what, actual, expected) {
      const same = JSON.stringify(actual) === JSON.stringify(expected);
      rows.push({ what, error: same ? 0 : Number.POSITIVE_INFINITY, tolerance: 0 });
    },
  };
}

/** The row that is worst in relation to its tolerance. */
export function worstRow(rows: readonly Row[]): Row | undefined {
  const badness = ({ error, tolerance }: Row) =>
    tolerance > 0 ? error / tolerance : error > 0 ? Number.POSITIVE_INFINITY : 0;
  return [...rows].sort((a, b) => badness(b) - badness(a))[0];
}

/** Facts about an array that stand in for its values, as goldens give for large ones. */
export interface Summary {
  shape: number[];
  mean: number;
  std: number;
  l2: number;
  sum: number;
  min: number;
  max: number;
  first?: number[];
}

/**
 * Compares an array with its summary. An elementwise error of at most `tolerance` moves mean, min, max and the first
 * values by at most that, std too, l2 by at most tolerance·√n and the sum by tolerance·n.
 */
export function nearSummary(
  report: Report,
  what: string,
  { data, shape }: NdArray,
  s: Summary,
  tolerance: number,
): void {
  const values = data as Float32Array;
  const n = sizeOf(shape);
  let [sum, squares, min, max] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const x of values) {
    sum += x;
    squares += x * x;
    min = Math.min(min, x);
    max = Math.max(max, x);
  }
  const mean = sum / n;
  // The reference's std is torch's, with n - 1, for some goldens; the difference is far below the tolerance.
  const std = Math.sqrt(Math.max(0, squares / n - mean * mean));
  report.number(
    `${what}: size`,
    n,
    s.shape.reduce((a, b) => a * b, 1),
    0,
  );
  report.number(`${what}: mean`, mean, s.mean, tolerance);
  report.number(`${what}: std`, std, s.std, tolerance);
  report.number(`${what}: l2`, Math.sqrt(squares), s.l2, tolerance * Math.sqrt(n));
  report.number(`${what}: sum`, sum, s.sum, tolerance * n);
  report.number(`${what}: min`, min, s.min, tolerance);
  report.number(`${what}: max`, max, s.max, tolerance);
  if (s.first) report.near(`${what}: first values`, values.subarray(0, s.first.length), s.first, tolerance);
}
