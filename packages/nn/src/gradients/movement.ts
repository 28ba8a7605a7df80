import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { GradientRule } from './rule.js';

const backToShape = (input: string): GradientRule => ({
  save: [input],
  gradient: (dy, saved) => ({ [input]: () => tf.reshape(dy, saved[input]!.shape) }),
});

export const movement: Record<string, GradientRule> = {
  Reshape: backToShape('x'),
  ExpandDims: backToShape('input'),
  Transpose: {
    gradient: (dy, _saved, { perm }) => ({
      x: () => tf.transpose(dy, tf.backend_util.getUndoAxesPermutation(perm as number[])),
    }),
  },
  Slice: {
    save: ['x'],
    gradient: (dy, { x }, { begin, size }) => ({
      x: () => {
        const [start, count] = tf.slice_util.parseSliceParams(x!, begin as number[], size as number[]) as [
          number[],
          number[],
        ];
        return tf.pad(
          dy,
          start.map((from, i): [number, number] => [from, x!.shape[i]! - from - count[i]!]),
        );
      },
    }),
  },
  Concat: {
    save: 'all',
    gradient: (dy, saved, { axis }) => {
      const names = Object.keys(saved);
      const along = tf.util.parseAxisParam(axis as number, dy.shape)[0]!;
      const parts = tf.split(
        dy,
        names.map((name) => saved[name]!.shape[along]!),
        along,
      );
      return Object.fromEntries(names.map((name, i) => [name, parts[i]!]));
    },
  },
  Pack: {
    save: 'all',
    gradient: (dy, saved, { axis }) => {
      const parts = tf.unstack(dy, axis as number);
      return Object.fromEntries(Object.keys(saved).map((name, i) => [name, parts[i]!]));
    },
  },
  Unpack: {
    gradient: (dy, _saved, { axis }) => ({ value: () => tf.stack(listOf(dy), axis as number) }),
  },
  SplitV: {
    gradient: (dy, _saved, { axis }) => ({ x: () => tf.concat(listOf(dy), axis as number) }),
  },
  PadV2: {
    save: ['x'],
    gradient: (dy, { x }, { paddings }) => ({
      x: () =>
        tf.slice(
          dy,
          (paddings as [number, number][]).map(([before]) => before),
          x!.shape,
        ),
    }),
  },
  Tile: {
    save: ['x'],
    gradient: (dy, { x }, { reps }) => ({
      x: () => {
        // [reps0, dim0, reps1, dim1, …], summed over the repetitions
        const apart = x!.shape.flatMap((dim, i) => [(reps as number[])[i]!, dim]);
        return tf.sum(
          tf.reshape(dy, apart),
          x!.shape.map((_, i) => 2 * i),
        );
      },
    }),
  },
  Reverse: { gradient: (dy, _saved, { dims }) => ({ x: () => tf.reverse(dy, dims as number[]) }) },
  GatherV2: {
    save: ['x', 'indices'],
    gradient: (dy, { x, indices }, { axis }) => ({
      x: () => gatherGradient(dy, x!, indices!, axis as number),
      indices: () => tf.zeros(indices!.shape),
    }),
  },
  GatherNd: {
    save: ['params', 'indices'],
    gradient: (dy, { params, indices }) => ({
      params: () => tf.scatterND(indices!, dy, params!.shape as [number]),
      indices: () => tf.zeros(indices!.shape),
    }),
  },
  ScatterNd: {
    save: ['indices'],
    gradient: (dy, { indices }) => ({
      updates: () => tf.gatherND(dy, indices!),
      indices: () => tf.zeros(indices!.shape),
    }),
  },
  UnsortedSegmentSum: {
    save: ['segmentIds'],
    gradient: (dy, { segmentIds }) => ({ x: () => tf.gather(dy, segmentIds!) }),
  },
};

/** The gradient of gather: rows of dy added up where their index points. */
function gatherGradient(dy: Tensor, x: Tensor, indices: Tensor, axis: number): Tensor {
  const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
  const count = indices.size;
  const before = x.shape.slice(0, along);
  const after = x.shape.slice(along + 1);
  const flatIndices = tf.reshape(indices, [count]) as tf.Tensor1D;
  const flat = tf.reshape(dy, [...before, count, ...after]);
  if (along === 0) return tf.unsortedSegmentSum(flat, flatIndices, x.shape[0]!);
  // The gathered axis goes first and comes back.
  const perm = [along, ...x.shape.map((_, i) => i).filter((i) => i !== along)];
  const summed = tf.unsortedSegmentSum(tf.transpose(flat, perm), flatIndices, x.shape[along]!);
  return tf.transpose(summed, tf.backend_util.getUndoAxesPermutation(perm));
}

/** For kernels with several outputs, dy is the list of their gradients. */
function listOf(dy: Tensor | Tensor[]): Tensor[] {
  return Array.isArray(dy) ? dy : [dy];
}
