/** For the tests of this package: a backend that computes in plain JavaScript, and comparing tensors with numbers. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect } from 'vitest';
import { registerRandomKernels } from '../random.js';

export function useCpuBackend(): void {
  tf.env().set('PROD', true); // or it prints an advertisement for tfjs-node at the first tensor
  beforeAll(async () => {
    await tf.setBackend('cpu');
    registerRandomKernels('cpu');
  });
}

export function list(x: tf.Tensor): number[] {
  return Array.from(x.dataSync());
}

export function expectNear(x: tf.Tensor, expected: number[], digits = 5): void {
  expect(x.size).toBe(expected.length);
  for (const [i, value] of list(x).entries()) expect(value, `element ${i}`).toBeCloseTo(expected[i]!, digits);
}
