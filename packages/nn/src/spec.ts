import { createRng, leaves, type MapLeaves, mapTree, type NdArray, type Rng, type Tree } from '@pengi/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Initializer } from './init.js';

/** What a parameter is before it has values. A model's spec is a tree of these under the official names. */
export interface ParamSpec {
  readonly shape: readonly number[];
  readonly init: Initializer;
  /** Belongs to the model but is never trained: running statistics. */
  readonly buffer?: true;
  /** Of the weight of a linear layer: [outputs, inputs], or the other way round. */
  readonly layout?: 'out-in' | 'in-out';
}

/** The parameters of the spec `S`, as tensors (in a model function) or as arrays in memory. */
export type ParamsOf<S, Leaf = Tensor> = MapLeaves<S, ParamSpec, Leaf>;

export function param(shape: readonly number[], init: Initializer): ParamSpec {
  return { shape, init };
}

/** The weight of a linear layer. */
export function linearWeight(
  shape: readonly [number, number],
  init: Initializer,
  layout: 'out-in' | 'in-out',
): ParamSpec {
  return { shape, init, layout };
}

export function buffer(shape: readonly number[], init: Initializer): ParamSpec {
  return { shape, init, buffer: true };
}

/** The paths of a spec's buffers: what training must leave alone whatever else it freezes. */
export function bufferPaths(spec: Tree<ParamSpec>): string[] {
  return leaves(spec)
    .filter(([, leaf]) => leaf.buffer)
    .map(([path]) => path);
}

/** `[f(0), …, f(n-1)]`, for numbered layers. */
export function times<T>(n: number, f: (index: number) => T): T[] {
  return Array.from({ length: n }, (_, index) => f(index));
}

/**
 * Random initial values for a spec. Each parameter draws from a stream of its own that depends on the seed and its
 * name only, so adding a layer does not change the others.
 */
export function initParams<S>(
  spec: S & Tree<ParamSpec>,
  seed: number | Rng,
): MapLeaves<S, ParamSpec, NdArray<'float32'>> {
  const rng = typeof seed === 'number' ? createRng(seed) : seed;
  return mapTree(spec, ({ shape, init }: ParamSpec, name): NdArray<'float32'> => {
    return { dtype: 'float32', shape, data: init(shape, rng.fork(name)) };
  });
}
