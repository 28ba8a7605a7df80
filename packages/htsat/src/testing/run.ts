/** What the tests of the model share. */
import type { NdArray } from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import { collectProbes } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import type { HtsatConfig } from '../config.js';
import { type HtsatOptions, htsat } from '../model.js';
import type { HtsatParams } from '../params.js';
import { TINY, tinyParams } from './tiny.js';

/** One stage of 4 × 4 tokens and one window. */
export const ONE_STAGE: HtsatConfig = { ...TINY, specSize: 16, mels: 8, depths: [1], heads: [2] };

let shared: Promise<Engine> | undefined;

export function testEngine(): Promise<Engine> {
  shared ??= createEngine('jit', { threads: 1 });
  return shared;
}

/** All outputs and intermediate results. `options` is called where tensors can be made. */
export async function encode(
  logMel: NdArray,
  { config = TINY, params = tinyParams(1, config), options = (): HtsatOptions => ({}) } = {},
) {
  const program = (await testEngine()).compile(
    (p: HtsatParams, x: Tensor) => collectProbes((probe) => htsat(p, x, config, { ...options(), probe })),
    params,
  );
  const { value, probes } = await program.run(logMel);
  await program.dispose();
  return { ...value, probes };
}

export const numbers = ({ data }: NdArray) => Array.from(data, Number);

/** The values of clip b of [B, …]. */
export function clip({ data, shape }: NdArray, b: number): number[] {
  const size = data.length / shape[0]!;
  return Array.from(data.subarray(b * size, (b + 1) * size), Number);
}

export const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

export function expectNear(found: readonly number[], expected: readonly number[], tolerance = 1e-5): void {
  expect(found).toHaveLength(expected.length);
  const worst = Math.max(...expected.map((value, i) => Math.abs(found[i]! - value)));
  expect(worst).toBeLessThan(tolerance);
}

/** Layer normalisation without its parameters. */
export function normalised(values: readonly number[]): number[] {
  const mean = sum(values) / values.length;
  const variance = sum(values.map((value) => (value - mean) ** 2)) / values.length;
  return values.map((value) => (value - mean) / Math.sqrt(variance + 1e-5));
}
