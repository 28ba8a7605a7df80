import { PengiError } from '@pengi/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Engine } from '../engine.js';
import { borrowKernels, type KernelInputs } from './borrow.js';
import { createEagerEngine } from './eager.js';

/**
 * TensorFlow.js in WebAssembly. Kernels that it lacks, or has wrong, run on the plain JavaScript backend, with their data
 * copied there and back.
 */
export async function createWasmEngine(): Promise<Engine> {
  const former = tf.engine().backendName;
  try {
    await import('@tensorflow/tfjs-backend-cpu');
    await import('@tensorflow/tfjs-backend-wasm');
    if (!(await tf.setBackend('wasm'))) throw new Error('the backend does not start');
  } catch (cause) {
    throw new PengiError(
      'E_ENGINE',
      `TensorFlow.js in WebAssembly cannot be loaded: ${(cause as Error).message}`,
      { cause },
    );
  } finally {
    if (former) await tf.setBackend(former);
  }
  borrowKernels('wasm', isSound);
  return createEagerEngine('wasm', 'wasm', `TensorFlow.js ${tf.version_core}, WebAssembly`);
}

/** Inputs that are no floats in sound calls: indices and masks. */
const NOT_FLOATS = new Set(['indices', 'condition', 'segmentIds']);

/**
 * Whether the backend's own kernel is known to be right: for floats, and at least one of them. Its kernels for other
 * types and for empty tensors take bits for floats or write beyond their results.
 */
function isSound(kernelName: string, inputs: KernelInputs, attrs: Record<string, unknown>): boolean {
  if (kernelName === 'Cast' && attrs.dtype === 'bool') return false; // keeps the bits
  if (attrs.dimRoundingMode === 'ceil') return false; // reads beyond the image
  return Object.entries(inputs).every(
    ([name, x]) =>
      !x ||
      (!x.shape.includes(0) && (x.dtype === 'float32' || kernelName === 'Cast' || NOT_FLOATS.has(name))),
  );
}
