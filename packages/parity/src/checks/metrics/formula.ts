import { fmix32, fnv1a, GOLDEN_STEP } from '@pengi/core';
import type { Report } from '../../report.js';

/** The metric goldens write numbers that JSON does not have as strings. */
export function numberOf(value: unknown): number {
  return typeof value === 'string' ? Number(value) : (value as number);
}

export function numbersOf(values: readonly unknown[]): number[] {
  return values.map(numberOf);
}

/** Compares numbers of which some are infinite or NaN: these have to be the same. */
export function nearOrSame(
  report: Report,
  what: string,
  actual: number,
  expected: unknown,
  tolerance: number,
): void {
  const wanted = numberOf(expected);
  if (Number.isFinite(wanted)) report.number(what, actual, wanted, tolerance);
  else report.equal(what, String(actual), String(wanted));
}

/** The raw 32-bit stream of a name. */
export function u32(salt: string, name: string, count: number): Uint32Array {
  const start = fnv1a(`${salt}/${name}`);
  return Uint32Array.from({ length: count }, (_, i) => fmix32((start + Math.imul(i, GOLDEN_STEP)) >>> 0));
}

/** float32 values of a name, by the fill rule. */
export function fillOf(salt: string, name: string, count: number, scale = 1, offset = 0): Float32Array {
  return Float32Array.from(u32(salt, name, count), (x) => offset + scale * (2 * (x / 2 ** 32) - 1));
}

export function integersOf(salt: string, name: string, count: number, below: number): number[] {
  return Array.from(u32(salt, name, count), (x) => Math.floor((x * below) / 2 ** 32));
}

export interface Checksum {
  n: number;
  sum: number;
  sumsq: number;
  cosdot: number;
}

/** The goldens' checksum of numbers; a wrong input is told from a wrong score. */
export function nearChecksum(
  report: Report,
  what: string,
  values: ArrayLike<number>,
  expected: Checksum,
): void {
  let [sum, squares, waves] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    sum += values[i]!;
    squares += values[i]! ** 2;
    waves += values[i]! * Math.cos(i);
  }
  const tolerance = 1e-9 * Math.max(1, expected.sumsq);
  report.equal(`${what}: count`, values.length, expected.n);
  report.number(`${what}: sum`, sum, expected.sum, tolerance);
  report.number(`${what}: squares`, squares, expected.sumsq, tolerance);
  report.number(`${what}: waves`, waves, expected.cosdot, tolerance);
}

/** Rows of `width` values. */
export function rowsOf(values: ArrayLike<number>, width: number): number[][] {
  const all = Array.from(values);
  return Array.from({ length: all.length / width }, (_, i) => all.slice(i * width, (i + 1) * width));
}

/** Python's round: half to even. */
export function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}
