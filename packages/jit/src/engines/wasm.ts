import { PengiError } from '@pengi/core';
import type { KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
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

/** Kernels that exist but compute something else for these arguments than every other backend. */
const WRONG: Record<string, (inputs: Record<string, TensorInfo>, attrs: Record<string, unknown>) => boolean> =
  {
    Cast: (_inputs, { dtype }) => dtype === 'bool', // keeps the bits
    ClipByValue: ({ x }) => x!.dtype === 'int32', // takes the bits for floats
  };

function borrowKernels(): void {
  const cpu = tf.engine().findBackend('cpu');
  const wasm = tf.engine().findBackend('wasm');
  for (const { kernelName, kernelFunc } of tf.getKernelsForBackend('cpu')) {
    const own = (tf.getKernel(kernelName, 'wasm') as KernelConfig | undefined)?.kernelFunc;
    const wrong = WRONG[kernelName];
    if (own && !wrong) continue;
    const loan = borrowed(kernelFunc, wasm, cpu);
    const chosen: KernelFunc = (call) =>
      own && !wrong?.(call.inputs as Record<string, TensorInfo>, call.attrs ?? {}) ? own(call) : loan(call);
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
    const copies = Object.fromEntries(
      Object.entries(inputs as Record<string, TensorInfo>).map(([name, x]) => [name, move(x, wasm, cpu)]),
    );
    const results = kernelFunc({ inputs: copies, attrs: attrs ?? {}, backend: cpu });
    const list = Array.isArray(results) ? results : [results];
    const moved = list.map((result) => move(result, cpu, wasm));
    for (const { dataId } of [...Object.values(copies), ...list]) cpu.disposeData(dataId, true);
    return Array.isArray(results) ? moved : moved[0]!;
  };
}
