/** How numbers depend on sizes that are left open: sums of products of sizes, told from their values at several sizes. */
import { sameShape, type Value } from './graph.js';

/**
 * Two values of each open size, and a third for the test. They are primes, unlike the sizes that models have, lest a
 * formula hold by chance; the third is large, so that rounding up to a multiple shows.
 */
export const VALUES: readonly (readonly [number, number, number])[] = [
  [5, 7, 67],
  [11, 19, 149],
  [23, 31, 211],
];

/** Coefficients of the products of sizes: bit i of an index says that size i is a factor. */
export type Formula = readonly number[];

/** The formula through the values at all corners; undefined when there is none of whole numbers. */
export function fit(values: readonly number[]): Formula | undefined {
  const c = [...values];
  for (let bit = 0; 1 << bit < c.length; bit++) {
    const [low, high] = VALUES[bit]!;
    for (const i of c.keys())
      if (!(i & (1 << bit))) {
        const slope = (c[i | (1 << bit)]! - c[i]!) / (high - low);
        c[i]! -= slope * low;
        c[i | (1 << bit)] = slope;
      }
  }
  return c.every(Number.isInteger) ? c : undefined;
}

export function evaluate(formula: Formula, sizes: readonly number[]): number {
  return formula.reduce((sum, c, i) => sum + c * product(sizes.filter((_, bit) => i & (1 << bit))), 0);
}

const product = (factors: readonly number[]) => factors.reduce((a, b) => a * b, 1);

export const isFixed = (formula: Formula) => formula.every((c, i) => i === 0 || c === 0);

/** A formula in words, as ONNX files name sizes: "batch", "past + 1". */
export function describe(formula: Formula, names: readonly string[]): number | string {
  if (isFixed(formula)) return formula[0]!;
  const term = (c: number, i: number) => {
    const factors = names.filter((_, bit) => i & (1 << bit));
    return [...(c === 1 && factors.length > 0 ? [] : [String(c)]), ...factors].join('*');
  };
  const terms = formula.flatMap((c, i) => (c === 0 ? [] : [term(c, i)]));
  return [...terms.slice(formula[0] ? 1 : 0), ...(formula[0] ? [terms[0]] : [])].join(' + ');
}

/** How a constant depends on sizes: entry by entry, or as a progression of varying length. */
export type Dependence =
  | { kind: 'entries'; entries: Formula[]; shape: readonly number[] }
  | { kind: 'range'; start: Formula; limit: Formula; step: number };

export function dependenceOf(values: readonly Value[]): Dependence | undefined {
  const [first] = values as [Value, ...Value[]];
  if (first.dtype !== 'int64' && first.dtype !== 'int32') return undefined;
  const numbers = values.map(({ constant }) => Array.from(constant!.data, Number));
  if (values.every(({ shape }) => shape.length <= 1 && sameShape(shape, first.shape))) {
    const entries = numbers[0]!.map((_, i) => fit(numbers.map((list) => list[i]!)));
    return entries.every((entry) => entry !== undefined)
      ? { kind: 'entries', entries, shape: first.shape }
      : undefined;
  }
  return first.dtype === 'int32' ? rangeOf(values, numbers) : undefined;
}

function rangeOf(values: readonly Value[], numbers: readonly (readonly number[])[]): Dependence | undefined {
  const step = numbers[0]![1]! - numbers[0]![0]!;
  const isRange = numbers.every((list) => list.every((x, i) => x === list[0]! + i * step));
  if (!isRange || step === 0 || values.some(({ shape }) => shape.length !== 1)) return undefined;
  const start = fit(numbers.map((list) => list[0]!));
  const limit = fit(numbers.map((list) => list[0]! + list.length * step));
  return start && limit && { kind: 'range', start, limit, step };
}

/** The numbers of a dependent constant. */
export function numbersAt(dependence: Dependence, sizes: readonly number[]): number[] {
  if (dependence.kind === 'entries') return dependence.entries.map((entry) => evaluate(entry, sizes));
  const start = evaluate(dependence.start, sizes);
  const count = (evaluate(dependence.limit, sizes) - start) / dependence.step;
  return Array.from({ length: count }, (_, i) => start + i * dependence.step);
}
