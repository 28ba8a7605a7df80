import { createRng, leaves, type NdArray } from '@pengi/core';
import { describe, expect, it } from 'vitest';
import { normalInit, torchLinearInit, truncatedNormalInit, xavierUniformInit } from './init.js';
import { layerNormSpec, linearSpec } from './layers.js';
import { initParams, param, times } from './spec.js';

describe('initial values', () => {
  const draws = 20_000;
  const std = (values: Float32Array) => Math.sqrt(values.reduce((s, x) => s + x * x, 0) / values.length);

  it.each([
    ['normal', normalInit(0.02), 0.02],
    ['truncated normal', truncatedNormalInit(0.02), 0.02],
    // uniform in ±b has the standard deviation b/√3
    ['torch linear [out, in]', torchLinearInit, 1 / Math.sqrt(200) / Math.sqrt(3)],
    ['xavier uniform', xavierUniformInit, Math.sqrt(6 / 300) / Math.sqrt(3)],
  ])('%s has the standard deviation of its definition', (_name, init, expected) => {
    const values = init([draws / 200, 200], createRng(3));
    expect(std(values) / expected).toBeGreaterThan(0.97);
    expect(std(values) / expected).toBeLessThan(1.03);
  });

  it('truncates at the bound', () => {
    expect(Math.max(...truncatedNormalInit(1, 0.5)([draws], createRng(1)).map(Math.abs))).toBeLessThanOrEqual(
      0.5,
    );
  });

  it('does not change a parameter when another is added', () => {
    const spec = { a: linearSpec(3, 4), h: times(2, () => layerNormSpec(3)) };
    const small = initParams(spec, 7);
    const large = initParams({ ...spec, b: param([2], normalInit(1)) }, 7);
    expect(large.a.weight.data).toEqual(small.a.weight.data);
    expect(leaves<NdArray>(small).map(([path]) => path)).toEqual([
      'a.weight',
      'a.bias',
      'h.0.weight',
      'h.0.bias',
      'h.1.weight',
      'h.1.bias',
    ]);
    expect(initParams(spec, 8).a.weight.data).not.toEqual(small.a.weight.data);
  });
});
