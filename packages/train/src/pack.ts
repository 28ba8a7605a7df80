import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensors } from './step.js';

/**
 * Many small tensors laid end to end in a few vectors. An optimizer does the same arithmetic on every number, so it needs
 * a dozen operations per vector rather than per parameter: a step has a third of the nodes, and each is worth sharing
 * between threads.
 */
export interface Packing {
  pack(tensors: Tensors): Tensors;
  unpack(packed: Tensors): Tensors;
  /** Whether the parameters of a vector are to decay. */
  decays(name: string): boolean;
}

/** Larger ones stay by themselves: to copy them costs more than it gives. */
const SMALL = 2 ** 17;

/** @param decays see `AdamOptions`; what decays and what does not goes into different vectors */
export function createPacking(
  like: Tensors,
  decays: (path: string, shape: readonly number[]) => boolean,
): Packing {
  const groups = new Map<string, string[]>();
  for (const [path, { shape, size }] of Object.entries(like)) {
    const kind = decays(path, shape) ? 'decays' : 'stays';
    const name = size > SMALL ? `${kind} ${path}` : kind;
    groups.set(name, [...(groups.get(name) ?? []), path]);
  }
  return {
    decays: (name) => name.startsWith('decays'),
    pack: (tensors) =>
      Object.fromEntries(
        [...groups].map(([name, paths]) => [name, joined(paths.map((path) => tensors[path]!))]),
      ),
    unpack(packed) {
      const tensors: Tensors = {};
      for (const [name, paths] of groups) {
        const sizes = paths.map((path) => like[path]!.size);
        for (const [i, part] of parted(packed[name]!, sizes).entries())
          tensors[paths[i]!] = tf.reshape(part, like[paths[i]!]!.shape);
      }
      return tensors;
    },
  };
}

function joined(tensors: Tensor[]): Tensor {
  const vectors = tensors.map((tensor) => tf.reshape(tensor, [tensor.size]));
  return vectors.length === 1 ? vectors[0]! : tf.concat(vectors);
}

function parted(vector: Tensor, sizes: number[]): Tensor[] {
  return sizes.length === 1 ? [vector] : tf.split(vector, sizes);
}
