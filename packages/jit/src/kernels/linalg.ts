import { PengiError } from '@pengi/core';
import { backend_util } from '@tensorflow/tfjs-core';
import type { Graph, Value } from '../graph/graph.js';
import { binary, unary } from './elementwise.js';
import { type Kernel, kernel } from './kernel.js';
import { slice, transpose } from './movement.js';

type MatMulAttributes = { transposeA: boolean; transposeB: boolean };

function matMul(g: Graph, a: Value, b: Value, { transposeA, transposeB }: MatMulAttributes): Value {
  const rows = a.shape.at(transposeA ? -1 : -2)!;
  const columns = b.shape.at(transposeB ? -2 : -1)!;
  // Gemm takes floats only.
  if (a.shape.length === 2 && b.shape.length === 2 && a.dtype === 'float32') {
    const output = { shape: [rows, columns], dtype: a.dtype };
    if (!transposeA && !transposeB) return g.op('MatMul', [a, b], output);
    return g.op('Gemm', [a, b], output, { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 });
  }
  const leading = backend_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  // ONNX Runtime fuses these transposes into the product.
  const left = transposeA ? swapLastAxes(g, a) : a;
  const right = transposeB ? swapLastAxes(g, b) : b;
  return g.op('MatMul', [left, right], { shape: [...leading, rows, columns], dtype: a.dtype });
}

function swapLastAxes(g: Graph, x: Value): Value {
  const perm = x.shape.map((_, i) => i);
  return transpose(g, x, [...perm.slice(0, -2), perm.at(-1)!, perm.at(-2)!]);
}

// --- convolution ----------------------------------------------------------------------------------------------------
// TensorFlow.js is NHWC with filters [height, width, in, out], ONNX is NCHW with [out, in, height, width]; ONNX
// Runtime's layout optimizer removes transposes that cancel.

interface ConvAttributes {
  strides: number | [number, number];
  pad: number | 'valid' | 'same' | [number, number][];
  dilations?: number | [number, number];
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  dataFormat?: string;
}

function convInfo(inputShape: readonly number[], filterShape: readonly number[], attributes: ConvAttributes) {
  const { strides, pad, dilations = 1, dimRoundingMode, dataFormat = 'NHWC' } = attributes;
  if (dataFormat !== 'NHWC')
    throw new PengiError('E_KERNEL', `conv2d with ${dataFormat} data cannot be recorded`);
  const info = backend_util.computeConv2DInfo(
    [...inputShape] as [number, number, number, number],
    [...filterShape] as [number, number, number, number],
    strides,
    dilations,
    pad as never,
    dimRoundingMode,
  );
  const { padInfo } = info;
  // Where the number of outputs was rounded up, the last window reaches beyond the padding.
  const reach = (outputs: number, stride: number, taps: number) => (outputs - 1) * stride + taps;
  const height = reach(info.outHeight, info.strideHeight, info.effectiveFilterHeight) - info.inHeight;
  const width = reach(info.outWidth, info.strideWidth, info.effectiveFilterWidth) - info.inWidth;
  return {
    info,
    pads: [
      padInfo.top,
      padInfo.left,
      Math.max(padInfo.bottom, height - padInfo.top),
      Math.max(padInfo.right, width - padInfo.left),
    ],
    strides: [info.strideHeight, info.strideWidth],
    dilations: [info.dilationHeight, info.dilationWidth],
  };
}

const toNchw = (g: Graph, x: Value) => transpose(g, x, [0, 3, 1, 2]);
const toNhwc = (g: Graph, x: Value) => transpose(g, x, [0, 2, 3, 1]);

export const linalg: Record<string, Kernel> = {
  BatchMatMul: kernel<'a' | 'b', MatMulAttributes>((g, { a, b }, attributes) => matMul(g, a, b, attributes)),

  _FusedMatMul: kernel<'a' | 'b' | 'bias', MatMulAttributes & { activation?: string }>(
    (g, { a, b, bias }, attributes) => {
      const product = matMul(g, a, b, attributes);
      const sum = bias ? binary(g, 'Add', product, bias) : product;
      const { activation = 'linear' } = attributes;
      if (activation === 'linear') return sum;
      if (!['relu', 'elu', 'sigmoid', 'tanh'].includes(activation))
        throw new PengiError('E_KERNEL', `a fused matMul with activation "${activation}" cannot be recorded`);
      return unary(g, activation[0]!.toUpperCase() + activation.slice(1), sum);
    },
  ),

  Conv2D: kernel<'x' | 'filter', ConvAttributes>((g, { x, filter }, attributes) => {
    const { info, pads, strides, dilations } = convInfo(x.shape, filter.shape, attributes);
    const [n, height, width, channels] = info.outShape;
    const output = { shape: [n!, channels!, height!, width!], dtype: x.dtype };
    const weights = transpose(g, filter, [3, 2, 0, 1]);
    return toNhwc(g, g.op('Conv', [toNchw(g, x), weights], output, { pads, strides, dilations }));
  }),

  Conv2DBackpropInput: kernel<'dy' | 'filter', ConvAttributes & { inputShape: number[] }>(
    (g, { dy, filter }, attributes) => {
      const { info, pads, strides, dilations } = convInfo(attributes.inputShape, filter.shape, attributes);
      const [n, height, width, channels] = attributes.inputShape;
      // Rows and columns that the strides never reached are added at the end.
      const reached = [0, 1].map((i) => {
        const outputs = i === 0 ? info.outHeight : info.outWidth;
        const taps = i === 0 ? info.filterHeight : info.filterWidth;
        return (outputs - 1) * strides[i]! + (taps - 1) * dilations[i]! + 1 - pads[i]! - pads[i + 2]!;
      });
      const output_padding = [height! - reached[0]!, width! - reached[1]!];
      const output = { shape: [n!, channels!, height!, width!], dtype: dy.dtype };
      const weights = transpose(g, filter, [3, 2, 0, 1]);
      return toNhwc(
        g,
        g.op('ConvTranspose', [toNchw(g, dy), weights], output, { pads, strides, dilations, output_padding }),
      );
    },
  ),

  /** A convolution of x with dy, batch and channels exchanged, strides and dilations exchanged. */
  Conv2DBackpropFilter: kernel<'x' | 'dy', ConvAttributes & { filterShape: number[] }>(
    (g, { x, dy }, attributes) => {
      const { info, pads, strides, dilations } = convInfo(x.shape, attributes.filterShape, attributes);
      const [height, width, inputs, outputs] = attributes.filterShape;
      const taps = [0, 1].map((i) => {
        const [inSize, outSize] = i === 0 ? [info.inHeight, info.outHeight] : [info.inWidth, info.outWidth];
        const span = (outSize - 1) * strides[i]! + 1;
        return Math.floor((inSize + pads[i]! + pads[i + 2]! - span) / dilations[i]!) + 1;
      });
      const full = g.op(
        'Conv',
        [transpose(g, x, [3, 0, 1, 2]), transpose(g, dy, [3, 0, 1, 2])],
        { shape: [inputs!, outputs!, ...taps], dtype: x.dtype },
        { pads, strides: dilations, dilations: strides },
      );
      const used = slice(g, full, [0, 0, 0, 0], [inputs!, outputs!, height!, width!]);
      return transpose(g, used, [2, 3, 0, 1]);
    },
  ),
};
