import { PengiError } from '@pengi/core';

/** @throws PengiError E_DATA without values */
export function mean(values: readonly number[]): number {
  if (values.length === 0) throw new PengiError('E_DATA', 'no values to take the mean of');
  return sum(values) / values.length;
}

export function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** a / b, and 0 where b is 0, as the scores of detection define it. */
export function share(a: number, b: number): number {
  return b === 0 ? 0 : a / b;
}

/** 2 a b / (a + b), and 0 where both are 0. */
export function harmonicMean(a: number, b: number): number {
  return share(2 * a * b, a + b);
}
