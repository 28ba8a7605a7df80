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
      const { strides, pad, dataFormat, dimRoundingMode } = attrs as {
        strides: [number, number];
        pad: number | 'valid' | 'same';
        dataFormat: 'NHWC' | 'NCHW';
        dimRoundingMode?: 'floor' | 'round' | 'ceil';
      };
      const run = (kernel: string, inputs: Record<string, tf.Tensor>, shape: Record<string, number[]>) =>
        tf.engine().runKernel(kernel, inputs, {
          strides,
          pad,
          dataFormat,
          dimRoundingMode,
          ...shape,
        } as never) as tf.Tensor;
      return {
        x: () => run('Conv2DBackpropInput', { dy, filter: filter! }, { inputShape: x!.shape }),
        filter: () => run('Conv2DBackpropFilter', { x: x!, dy }, { filterShape: filter!.shape }),
      };
    },
  },
};
