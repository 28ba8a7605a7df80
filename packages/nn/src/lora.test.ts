import { createRng, flatten, floats, leaves, type NdArray, rebuildTree } from '@pengi/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { valueAndGrad } from './grad.js';
import { conv1d, conv1dSpec, embeddingSpec, linear, linearNoBiasSpec, linearSpec } from './layers.js';
import { addLora, loraSpec, mergeLora } from './lora.js';
import { initParams, type ParamsOf } from './spec.js';
import { expectNear, list, useCpuBackend } from './testing/tensors.js';

useCpuBackend();

const spec = {
  table: embeddingSpec(9, 4),
  first: linearSpec(4, 6),
  layers: [{ square: conv1dSpec(6, 6), wide: conv1dSpec(6, 10) }],
  last: linearNoBiasSpec(10, 3),
};
type Params = ParamsOf<typeof spec>;
const ALL = { rank: 2, alpha: 3, targets: ['**', 'first', 'last'] };

function model(p: Params, x: tf.Tensor): tf.Tensor {
  const [layer] = p.layers;
  return linear(p.last, tf.tanh(conv1d(layer!.wide, tf.tanh(conv1d(layer!.square, linear(p.first, x))))));
}

const base = initParams(spec, 1) as Params & ParamsOf<typeof spec, NdArray>;
const tensorsOf = (params: unknown) =>
  rebuildTree<Params>(params, (_path, leaf) => tf.tensor((leaf as NdArray).data, [...leaf.shape]));
const x = () => tf.tensor(Array.from({ length: 20 }, createRng(4).normal), [5, 4]);

/** Adapters that have learnt something. */
function trained(params: unknown): unknown {
  return rebuildTree(params, (path, leaf) => {
    const rng = createRng(5).fork(path);
    return path.endsWith('.lora.b')
      ? floats(Array.from({ length: leaf.shape[0]! * leaf.shape[1]! }, rng.normal), leaf.shape)
      : leaf;
  });
}

describe('low-rank adapters', () => {
  it('lie beside the weights of linear layers, in the layout of either', () => {
    const added = flatten(loraSpec(spec, ALL));
    expect(added['first.lora.a']!.shape).toEqual([2, 4]);
    expect(added['first.lora.b']!.shape).toEqual([6, 2]);
    expect(added['layers.0.wide.lora.a']!.shape).toEqual([2, 6]);
    expect(added['layers.0.wide.lora.b']!.shape).toEqual([10, 2]);
    expect(Object.keys(added).filter((path) => path.startsWith('table'))).toEqual(['table.weight']);
  });

  it('change nothing at first', () => {
    const added = addLora(base, spec, ALL, 7);
    expectNear(model(tensorsOf(added), x()), list(model(tensorsOf(base), x())), 6);
  });

  it('merged into the weights compute the same', () => {
    const adapted = trained(addLora(base, spec, ALL, 7)) as typeof base;
    const merged = mergeLora(adapted, spec);
    expect(leaves(merged).map(([path]) => path)).toEqual(leaves(base).map(([path]) => path));
    const expected = list(model(tensorsOf(adapted), x()));
    expect(expected).not.toEqual(list(model(tensorsOf(base), x())));
    expectNear(model(tensorsOf(merged), x()), expected, 5);
  });

  it('are there for the layers that are named, but for exceptions', () => {
    const paths = (options: Parameters<typeof loraSpec>[1]) =>
      leaves(loraSpec(spec, options)).flatMap(([path]) => (path.endsWith('lora.a') ? [path] : []));
    expect(paths({ rank: 1, targets: ['layers.*.wide', 'last'] })).toEqual([
      'layers.0.wide.lora.a',
      'last.lora.a',
    ]);
    expect(paths({ rank: 1, targets: ['layers'], except: ['**.square'] })).toEqual(['layers.0.wide.lora.a']);
  });

  it('get gradients, scaled by alpha over rank', () => {
    const p = tensorsOf(trained(addLora(base, spec, { ...ALL, targets: ['last'] }, 7)));
    const gradOf = (scale: number) => {
      const params = {
        ...p,
        last: { ...p.last, lora: { ...(p.last as never as { lora: object }).lora, scale: tf.scalar(scale) } },
      };
      const { grads } = valueAndGrad((q) => tf.sum(model(q as never, x())) as tf.Scalar, params as never);
      return list((grads as { last: { lora: { b: tf.Tensor } } }).last.lora.b);
    };
    expect(Number(flatten<tf.Tensor>(p)['last.lora.scale']!.dataSync()[0])).toBe(1.5);
    const once = gradOf(1.5);
    expect(Math.max(...once.map(Math.abs))).toBeGreaterThan(1e-3);
    gradOf(3).forEach((g, i) => void expect(g / once[i]!).toBeCloseTo(2, 4));
  });

  it.each([
    [{ rank: 0, targets: ['first'] }, /rank of adapters is 0/],
    [{ rank: 1, alpha: -1, targets: ['first'] }, /alpha of adapters is -1/],
    [{ rank: 1, targets: ['table'] }, /no linear layer matches "table"/],
    [{ rank: 1, targets: [] }, /no layer is to have an adapter/],
  ])('%o is refused', (options, message) => {
    expect(() => loraSpec(spec, options)).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringMatching(message) }),
    );
  });
});
