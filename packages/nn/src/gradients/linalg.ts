import { PengiError } from '@pengi/core';
import * as tf from '@tensorflow/tfjs-core';
import { type GradientRule, sumTo } from './rule.js';

export const linalg: Record<string, GradientRule> = {
  /** y = A B, each transposed or not, the leading axes broadcast. */
  BatchMatMul: {
    save: ['a', 'b'],
    gradient: (dy, { a, b }, { transposeA, transposeB }) => ({
      a: () => {
        const da = transposeA
          ? tf.matMul(b!, dy, transposeB as boolean, true)
          : tf.matMul(dy, b!, false, !(transposeB as boolean));
        return sumTo(da, a!.shape);
      },
      b: () => {
        const db = transposeB
          ? tf.matMul(dy, a!, true, transposeA as boolean)
          : tf.matMul(a!, dy, !(transposeA as boolean), false);
        return sumTo(db, b!.shape);
      },
    }),
  },
  Conv2D: {
    save: ['x', 'filter'],
    gradient: (dy, { x, filter }, attrs) => {
      const dilations = [attrs.dilations ?? 1].flat();
      if (dilations.some((dilation) => dilation !== 1))
        throw new PengiError('E_KERNEL', 'a convolution with dilations has no gradient');
      return {
        x: () => conv('Conv2DBackpropInput', { dy, filter: filter! }, attrs, { inputShape: x!.shape }),
        filter: () => conv('Conv2DBackpropFilter', { x: x!, dy }, attrs, { filterShape: filter!.shape }),
      };
    },
  },
  /** Also what `tf.conv2dTranspose` calls: the convolution itself is its gradient. */
  Conv2DBackpropInput: {
    save: ['dy', 'filter'],
    gradient: (ddx, { dy, filter }, attrs) => ({
      dy: () => conv('Conv2D', { x: ddx, filter: filter! }, attrs, { dilations: 1 }),
      filter: () => conv('Conv2DBackpropFilter', { x: ddx, dy: dy! }, attrs, { filterShape: filter!.shape }),
    }),
  },
};

/** A kernel of the same convolution. */
function conv(
  kernel: string,
  inputs: Record<string, tf.Tensor>,
  { strides, pad, dataFormat, dimRoundingMode }: Record<string, unknown>,
  more: Record<string, unknown>,
): tf.Tensor {
  const attributes = { strides, pad, dataFormat, dimRoundingMode, ...more };
  return tf.engine().runKernel(kernel, inputs, attributes as never) as tf.Tensor;
}
