/**
 * Gradients of TensorFlow.js kernels. The ones that come with tfjs-core cannot be loaded by Node as a module, some are
 * wrong under broadcasting, and most build full-size constants; these are written for tracing and checked against finite
 * differences (docs/decisions/0001-own-gradients.md).
 */
import type { NamedAttrMap, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { elementwise } from './elementwise.js';
import { linalg } from './linalg.js';
import { movement } from './movement.js';
import { reduction } from './reduction.js';
import type { GradientRule } from './rule.js';

export const GRADIENTS: Record<string, GradientRule> = {
  ...elementwise,
  ...reduction,
  ...movement,
  ...linalg,
};

const configs = Object.entries(GRADIENTS).map(([kernelName, rule]) => configOf(kernelName, rule));

/**
 * Registers the gradients with TensorFlow.js, or takes back their places where another package has registered its own
 * since. `valueAndGrad` calls it. Gradients of other kernels are left alone.
 */
export function registerGradients(): void {
  for (const config of configs) if (tf.getGradient(config.kernelName) !== config) tf.registerGradient(config);
}

function configOf(kernelName: string, { save = [], gradient }: GradientRule): tf.GradConfig {
  const inputs = save === 'all' ? [] : save.filter((name) => name !== 'y');
  const wantsOutput = save !== 'all' && save.includes('y');
  return {
    kernelName,
    inputsToSave: inputs,
    outputsToSave: wantsOutput ? [true] : [],
    saveAllInputs: save === 'all',
    gradFunc: (dy: Tensor | Tensor[], saved: Tensor[], attrs: NamedAttrMap) => {
      const names =
        save === 'all' ? saved.map((_, i) => String(i)) : [...inputs, ...(wantsOutput ? ['y'] : [])];
      const byName = Object.fromEntries(names.map((name, i) => [name, saved[i]!]));
      const grads = gradient(dy as Tensor, byName, attrs);
      return Object.fromEntries(
        Object.entries(grads).map(([name, g]) => [name, typeof g === 'function' ? g : () => g]),
      );
    },
  };
}
