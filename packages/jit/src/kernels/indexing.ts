import { DTYPE_ARRAYS, type DType, PengiError } from '@pengi/core';
import { util } from '@tensorflow/tfjs-core';
import type { Graph, Value } from '../graph/graph.js';
import { binary, cast, where } from './elementwise.js';
import { type Kernel, kernel } from './kernel.js';
import { reshape } from './movement.js';

/** Zeros of `shape` with `updates` added at `indices`. */
function scatterAdd(g: Graph, indices: Value, updates: Value, shape: readonly number[]): Value {
  const zeros = g.fill(shape, 0, updates.dtype as DType);
  const output = { shape, dtype: updates.dtype };
  return g.op('ScatterND', [zeros, cast(g, indices, 'int64'), updates], output, { reduction: 'add' });
}

export const indexing: Record<string, Kernel> = {
  GatherV2: kernel<'x' | 'indices', { axis: number; batchDims?: number }>(
    (g, { x, indices }, { axis, batchDims }) => {
      if (batchDims)
        throw new PengiError('E_KERNEL', 'gather with batchDims cannot be recorded; use gatherND');
      const along = util.parseAxisParam(axis, [...x.shape])[0]!;
      const shape = [...x.shape.slice(0, along), ...indices.shape, ...x.shape.slice(along + 1)];
      return g.op('Gather', [x, indices], { shape, dtype: x.dtype }, { axis: along });
    },
  ),
  GatherNd: kernel<'params' | 'indices'>((g, { params, indices }) => {
    const depth = indices.shape.at(-1)!;
    const shape = [...indices.shape.slice(0, -1), ...params.shape.slice(depth)];
    return g.op('GatherND', [params, cast(g, indices, 'int64')], { shape, dtype: params.dtype });
  }),
  ScatterNd: kernel<'indices' | 'updates', { shape: number[] }>((g, { indices, updates }, { shape }) =>
    scatterAdd(g, indices, updates, shape),
  ),
  UnsortedSegmentSum: kernel<'x' | 'segmentIds', { numSegments: number }>(
    (g, { x, segmentIds }, { numSegments }) => {
      const indices = reshape(g, segmentIds, [...segmentIds.shape, 1]);
      return scatterAdd(g, indices, x, [numSegments, ...x.shape.slice(segmentIds.shape.length)]);
    },
  ),
  OneHot: kernel<'indices', { depth: number; onValue: number; offValue: number; dtype: DType }>(
    (g, { indices }, { depth, onValue, offValue, dtype }) => {
      const column = reshape(g, indices, [...indices.shape, 1]);
      const hit = binary(
        g,
        'Equal',
        column,
        g.literal(Int32Array.from(Array(depth).keys()), [depth], 'int32'),
        'bool',
      );
      if (onValue === 1 && offValue === 0) return cast(g, hit, dtype);
      return where(g, hit, g.scalar(onValue, dtype), g.scalar(offValue, dtype), hit.shape);
    },
  ),
  TopK: kernel<'x', { k: number; sorted: boolean }>((g, { x }, { k, sorted }) => {
    const shape = [...x.shape.slice(0, -1), k];
    const outputs = [
      { shape, dtype: x.dtype },
      { shape, dtype: 'int64' as const },
    ];
    const attributes = { axis: x.shape.length - 1, sorted: sorted ? 1 : 0 };
    const [values, indices] = g.ops('TopK', [x, g.int64([k])], outputs, attributes);
    return [values!, cast(g, indices!, 'int32')];
  }),
  ZerosLike: kernel<'x'>((g, { x }) => g.fill(x.shape, 0, x.dtype as DType)),
  OnesLike: kernel<'x'>((g, { x }) => g.fill(x.shape, 1, x.dtype as DType)),
  Fill: kernel<never, { shape: number[]; value: number; dtype?: DType }>(
    (g, _none, { shape, value, dtype }) => g.fill(shape, value, dtype ?? 'float32'),
  ),
  LinSpace: kernel<never, { start: number; stop: number; num: number }>((g, _none, { start, stop, num }) => {
    const step = num > 1 ? (stop - start) / (num - 1) : 0;
    return g.literal(
      Float32Array.from({ length: num }, (_, i) => start + i * step),
      [num],
      'float32',
    );
  }),
  Range: kernel<never, { start: number; stop: number; step: number; dtype?: 'float32' | 'int32' }>(
    (g, _none, { start, stop, step, dtype = 'float32' }) => {
      const count = Math.max(0, Math.ceil((stop - start) / step));
      const values = Array.from({ length: count }, (_, i) => start + i * step);
      return g.literal(DTYPE_ARRAYS[dtype].from(values), [count], dtype);
    },
  ),
};
