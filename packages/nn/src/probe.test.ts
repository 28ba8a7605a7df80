import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { collectProbes } from './probe.js';
import { useCpuBackend } from './testing/tensors.js';

useCpuBackend();

describe('probes', () => {
  it('collects what the function names and numbers repeats', () => {
    const { value, probes } = collectProbes((probe) => {
      probe('x', tf.scalar(1));
      probe('x', tf.scalar(2));
      return 3;
    });
    expect(value).toBe(3);
    expect(Object.keys(probes)).toEqual(['x', 'x#1']);
  });
});
