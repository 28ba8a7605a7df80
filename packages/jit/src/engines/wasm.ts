import { PengiError } from '@pengi/core';
import type { KernelConfig, KernelFunc, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Engine } from '../engine.js';
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
  if (!borrowing) borrowKernels();
  borrowing = true;
  return createEagerEngine('wasm', 'wasm', `TensorFlow.js ${tf.version_core}, WebAssembly`);
}

let borrowing = false;

/** By name, or for Concat and Pack a list; optional ones may be missing. */
type Inputs = Record<string, TensorInfo | undefined>;

/** Inputs that are no floats in sound calls: indices and masks. */
const NOT_FLOATS = new Set(['indices', 'condition', 'segmentIds']);

/**
 * Whether the backend's own kernel is known to be right: for floats, and at least one of them. Its kernels for other
 * types and for empty tensors take bits for floats or write beyond their results.
 */
function isSound(kernelName: string, inputs: Inputs, attrs: Record<string, unknown>): boolean {
  if (kernelName === 'Cast' && attrs.dtype === 'bool') return false; // keeps the bits
  if (attrs.dimRoundingMode === 'ceil') return false; // reads beyond the image
  return Object.entries(inputs).every(
    ([name, x]) =>
      !x ||
      (!x.shape.includes(0) && (x.dtype === 'float32' || kernelName === 'Cast' || NOT_FLOATS.has(name))),
  );
}

function borrowKernels(): void {
  const cpu = tf.engine().findBackend('cpu');
  const wasm = tf.engine().findBackend('wasm');
  for (const { kernelName, kernelFunc } of tf.getKernelsForBackend('cpu')) {
    const own = (tf.getKernel(kernelName, 'wasm') as KernelConfig | undefined)?.kernelFunc;
    const loan = borrowed(kernelFunc, wasm, cpu);
    const chosen: KernelFunc = (call) =>
      own && isSound(kernelName, call.inputs as Inputs, call.attrs ?? {}) ? own(call) : loan(call);
    if (own) tf.unregisterKernel(kernelName, 'wasm');
    tf.registerKernel({ kernelName, backendName: 'wasm', kernelFunc: chosen });
  }
}

function borrowed(kernelFunc: KernelFunc, wasm: tf.KernelBackend, cpu: tf.KernelBackend): KernelFunc {
  const move = (
    { dataId, shape, dtype }: TensorInfo,
    from: tf.KernelBackend,
    to: tf.KernelBackend,
  ): TensorInfo => ({
    dataId: to.write(from.readSync(dataId) as tf.BackendValues, shape, dtype),
    shape,
    dtype,
  });
  return ({ inputs, attrs }) => {
    const given = Object.entries(inputs as Inputs).flatMap(([name, x]) => (x ? [[name, x] as const] : []));
    const moved = given.map(([name, x]) => [name, move(x, wasm, cpu)] as const);
    const copies = Array.isArray(inputs) ? moved.map(([, x]) => x) : Object.fromEntries(moved);
    const results = kernelFunc({ inputs: copies as NamedTensorInfoMap, attrs: attrs ?? {}, backend: cpu });
    const list = Array.isArray(results) ? results : [results];
    const returned = list.map((result) => move(result, cpu, wasm));
    for (const { dataId } of [...moved.map(([, x]) => x), ...list]) cpu.disposeData(dataId, true);
    return Array.isArray(results) ? returned : returned[0]!;
  };
}
