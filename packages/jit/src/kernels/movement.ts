import { type DType, PengiError } from '@pengi/core';
import { backend_util, slice_util, util } from '@tensorflow/tfjs-core';
import { type Graph, sameShape, type Value } from '../graph/graph.js';
import { type Kernel, kernel, listed } from './kernel.js';

export function reshape(g: Graph, x: Value, shape: readonly number[]): Value {
  if (sameShape(x.shape, shape)) return x;
  if (x.broadcastOf?.shape.length === 0) return g.broadcast(x.broadcastOf, shape);
  return g.op('Reshape', [x, g.int64(shape)], { shape, dtype: x.dtype });
}

export function transpose(g: Graph, x: Value, perm: number[]): Value {
  if (perm.every((from, to) => from === to)) return x;
  return g.op('Transpose', [x], { shape: perm.map((axis) => x.shape[axis]!), dtype: x.dtype }, { perm });
}

export function slice(g: Graph, x: Value, begin: readonly number[], size: readonly number[]): Value {
  if (sameShape(size, x.shape)) return x;
  const axes = x.shape.map((_, i) => i).filter((i) => begin[i] !== 0 || size[i] !== x.shape[i]);
  const starts = axes.map((i) => begin[i]!);
  const ends = axes.map((i) => begin[i]! + size[i]!);
  return g.op('Slice', [x, g.int64(starts), g.int64(ends), g.int64(axes)], { shape: size, dtype: x.dtype });
}

function concat(g: Graph, parts: Value[], axis: number): Value {
  // Empty parts have no effect, and some operators of ONNX Runtime do not like them.
  const filled = parts.filter((part) => part.shape[axis] !== 0);
  const [first = parts[0]!] = filled;
  if (filled.length <= 1) return first;
  const shape = first.shape.map((dim, i) =>
    i === axis ? filled.reduce((n, part) => n + part.shape[i]!, 0) : dim,
  );
  return g.op('Concat', filled, { shape, dtype: first.dtype }, { axis });
}

function split(g: Graph, x: Value, sizes: number[], axis: number): Value[] {
  if (sizes.length === 1) return [x];
  const outputs = sizes.map((size) => ({
    shape: x.shape.map((dim, i) => (i === axis ? size : dim)),
    dtype: x.dtype,
  }));
  return g.ops('Split', [x, g.int64(sizes)], outputs, { axis });
}

const axisOf = (axis: number, shape: readonly number[]) => util.parseAxisParam(axis, [...shape])[0]!;

export const movement: Record<string, Kernel> = {
  Reshape: kernel<'x', { shape: number[] }>((g, { x }, { shape }) =>
    reshape(g, x, util.inferFromImplicitShape(shape, util.sizeFromShape([...x.shape]))),
  ),
  ExpandDims: kernel<'input', { dim: number }>((g, { input }, { dim }) => {
    const at = dim < 0 ? input.shape.length + 1 + dim : dim;
    return reshape(g, input, [...input.shape.slice(0, at), 1, ...input.shape.slice(at)]);
  }),
  Transpose: kernel<'x', { perm: number[] }>((g, { x }, { perm }) => transpose(g, x, perm)),
  Slice: kernel<'x', { begin: number[]; size: number[] }>((g, { x }, { begin, size }) => {
    const [starts, sizes] = slice_util.parseSliceParams({ shape: [...x.shape] } as never, begin, size);
    return slice(g, x, starts as number[], sizes as number[]);
  }),
  StridedSlice: kernel<'x', Record<'begin' | 'end' | 'strides', number[]> & Record<string, number>>(
    (g, { x }, a) => {
      const { begin, end, strides, finalShape } = slice_util.sliceInfo(
        [...x.shape],
        a.begin,
        a.end,
        a.strides,
        a.beginMask!,
        a.endMask!,
        a.ellipsisMask!,
        a.newAxisMask!,
        a.shrinkAxisMask!,
      );
      // Counting down, the end -1 means "through element 0"; ONNX would read it as the last element.
      const ends = end.map((e, i) => (strides[i]! < 0 && e < 0 ? -1 - x.shape[i]! : e));
      const shape = slice_util.computeOutShape(begin, end, strides);
      const axes = g.int64(begin.map((_, i) => i));
      const sliced = g.op('Slice', [x, g.int64(begin), g.int64(ends), axes, g.int64(strides)], {
        shape,
        dtype: x.dtype,
      });
      return reshape(g, sliced, finalShape);
    },
  ),
  Concat: (g, inputs, { axis }: { axis: number }) => {
    const parts = listed(inputs);
    return concat(g, parts, axisOf(axis, parts[0]!.shape));
  },
  Pack: (g, inputs, { axis }: { axis: number }) => {
    const parts = listed(inputs);
    const rank = parts[0]!.shape.length + 1;
    const at = axis < 0 ? axis + rank : axis;
    const withAxis = (shape: readonly number[]) => [...shape.slice(0, at), 1, ...shape.slice(at)];
    return concat(
      g,
      parts.map((part) => reshape(g, part, withAxis(part.shape))),
      at,
    );
  },
  Unpack: kernel<'value', { axis: number }>((g, { value }, { axis }) => {
    const at = axisOf(axis, value.shape);
    const shape = value.shape.filter((_, i) => i !== at);
    const ones = Array<number>(value.shape[at]!).fill(1);
    return split(g, value, ones, at).map((part) => reshape(g, part, shape));
  }),
  SplitV: kernel<'x', { numOrSizeSplits: number | number[]; axis: number }>(
    (g, { x }, { numOrSizeSplits, axis }) => {
      const at = axisOf(axis, x.shape);
      return split(
        g,
        x,
        backend_util.prepareSplitSize({ shape: [...x.shape] } as never, numOrSizeSplits, at),
        at,
      );
    },
  ),
  PadV2: kernel<'x', { paddings: [number, number][]; constantValue: number }>(
    (g, { x }, { paddings, constantValue }) =>
      pad(g, x, paddings, 'constant', g.scalar(constantValue, x.dtype as DType)),
  ),
  MirrorPad: kernel<'x', { paddings: [number, number][]; mode: string }>((g, { x }, { paddings, mode }) => {
    if (mode !== 'reflect')
      throw new PengiError('E_KERNEL', `mirrorPad with mode "${mode}" cannot be recorded`);
    return pad(g, x, paddings, 'reflect');
  }),
  /** Also what `tf.broadcastTo` calls: repeating along axes of size 1 stays a broadcast. */
  Tile: kernel<'x', { reps: number[] }>((g, { x }, { reps }) => {
    const shape = x.shape.map((dim, i) => dim * reps[i]!);
    if (x.shape.every((dim, i) => reps[i] === 1 || dim === 1)) return g.broadcast(x, shape);
    return g.op('Tile', [x, g.int64(reps)], { shape, dtype: x.dtype });
  }),
  Reverse: kernel<'x', { dims: number | number[] }>((g, { x }, { dims }) => {
    const axes = util.parseAxisParam(dims, [...x.shape]);
    if (axes.length === 0) return x;
    const bounds = [axes.map(() => -1), axes.map((axis) => -1 - x.shape[axis]!), axes, axes.map(() => -1)];
    return g.op('Slice', [x, ...bounds.map((list) => g.int64(list))], x);
  }),
};

function pad(g: Graph, x: Value, paddings: [number, number][], mode: string, value?: Value): Value {
  if (paddings.every(([before, after]) => before === 0 && after === 0)) return x;
  const shape = x.shape.map((dim, i) => dim + paddings[i]![0] + paddings[i]![1]);
  const pads = g.int64([...paddings.map(([before]) => before), ...paddings.map(([, after]) => after)]);
  return g.op('Pad', [x, pads, value], { shape, dtype: x.dtype }, { mode });
}
