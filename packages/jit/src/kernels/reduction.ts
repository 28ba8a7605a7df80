import { util } from '@tensorflow/tfjs-core';
import type { Graph, Value, ValueType } from '../graph/graph.js';
import { cast, numeric } from './elementwise.js';
import { type Kernel, kernel } from './kernel.js';

const axesOf = (axis: number | number[], shape: readonly number[]) => util.parseAxisParam(axis, [...shape]);

function reduce(
  g: Graph,
  type: string,
  x: Value,
  axes: number[],
  keepDims: boolean,
  dtype: ValueType,
): Value {
  if (axes.length === 0) return cast(g, x, dtype);
  const shape = keepDims
    ? x.shape.map((dim, i) => (axes.includes(i) ? 1 : dim))
    : x.shape.filter((_, i) => !axes.includes(i));
  return g.op(type, [x, g.int64(axes)], { shape, dtype }, { keepdims: keepDims ? 1 : 0 });
}

type ReduceAttributes = { axis: number | number[]; keepDims?: boolean };

/** Sums and products of bools count. */
const reduceKernel = (type: string) =>
  kernel<'x', ReduceAttributes>((g, { x }, { axis, keepDims = false }) => {
    const numbers = numeric(g, x);
    return reduce(g, type, numbers, axesOf(axis, x.shape), keepDims, numbers.dtype);
  });

const logicalKernel = (type: string) =>
  kernel<'x', ReduceAttributes>((g, { x }, { axis, keepDims = false }) =>
    cast(g, reduce(g, type, cast(g, x, 'int32'), axesOf(axis, x.shape), keepDims, 'int32'), 'bool'),
  );

const argKernel = (type: string) =>
  kernel<'x', { axis: number }>((g, { x }, { axis }) => {
    const [along] = axesOf(axis, x.shape);
    const shape = x.shape.filter((_, i) => i !== along);
    return cast(
      g,
      g.op(type, [numeric(g, x)], { shape, dtype: 'int64' }, { axis: along!, keepdims: 0 }),
      'int32',
    );
  });

export const reduction: Record<string, Kernel> = {
  Sum: reduceKernel('ReduceSum'),
  Prod: reduceKernel('ReduceProd'),
  Min: reduceKernel('ReduceMin'),
  // TensorFlow.js names the attribute of this one differently.
  Max: kernel<'x', { reductionIndices: number | number[]; keepDims?: boolean }>(
    (g, { x }, { reductionIndices, keepDims = false }) =>
      reduce(g, 'ReduceMax', x, axesOf(reductionIndices, x.shape), keepDims, x.dtype),
  ),
  Mean: kernel<'x', ReduceAttributes>((g, { x }, { axis, keepDims = false }) =>
    reduce(g, 'ReduceMean', cast(g, x, 'float32'), axesOf(axis, x.shape), keepDims, 'float32'),
  ),
  All: logicalKernel('ReduceMin'),
  Any: logicalKernel('ReduceMax'),
  ArgMax: argKernel('ArgMax'),
  ArgMin: argKernel('ArgMin'),
  Softmax: kernel<'logits', { dim: number }>((g, { logits }, { dim }) =>
    g.op('Softmax', [logits], logits, { axis: axesOf(dim, logits.shape)[0]! }),
  ),
  Cumsum: kernel<'x', { axis: number; exclusive: boolean; reverse: boolean }>(
    (g, { x }, { axis, exclusive, reverse }) =>
      g.op('CumSum', [x, g.int64(axesOf(axis, x.shape), [])], x, {
        exclusive: exclusive ? 1 : 0,
        reverse: reverse ? 1 : 0,
      }),
  ),
};
