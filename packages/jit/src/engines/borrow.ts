import type { KernelConfig, KernelFunc, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/** By name, or for Concat and Pack a list; optional ones may be missing. */
export type KernelInputs = Record<string, TensorInfo | undefined>;

/** Whether a backend's own kernel is known to be right for a call. */
export type IsSound = (kernelName: string, inputs: KernelInputs, attrs: Record<string, unknown>) => boolean;

const borrowing = new Set<string>();

/**
 * Lets the plain JavaScript backend, which must be registered, run the kernels that a backend lacks, and those calls that it has
 * wrong. Their data are copied there and back.
 */
export function borrowKernels(backendName: string, isSound: IsSound): void {
  if (borrowing.has(backendName)) return;
  borrowing.add(backendName);
  const lender = tf.engine().findBackend('cpu');
  const backend = tf.engine().findBackend(backendName);
  for (const { kernelName, kernelFunc } of tf.getKernelsForBackend('cpu')) {
    const own = (tf.getKernel(kernelName, backendName) as KernelConfig | undefined)?.kernelFunc;
    const loan = borrowed(kernelFunc, backend, lender);
    const chosen: KernelFunc = (call) =>
      own && isSound(kernelName, call.inputs as KernelInputs, call.attrs ?? {}) ? own(call) : loan(call);
    if (own) tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({ kernelName, backendName, kernelFunc: chosen });
  }
}

function borrowed(kernelFunc: KernelFunc, borrower: tf.KernelBackend, lender: tf.KernelBackend): KernelFunc {
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
    const given = Object.entries(inputs as KernelInputs).flatMap(([name, x]) =>
      x ? [[name, x] as const] : [],
    );
    const moved = given.map(([name, x]) => [name, move(x, borrower, lender)] as const);
    const copies = Array.isArray(inputs) ? moved.map(([, x]) => x) : Object.fromEntries(moved);
    const results = kernelFunc({ inputs: copies as NamedTensorInfoMap, attrs: attrs ?? {}, backend: lender });
    const list = Array.isArray(results) ? results : [results];
    const returned = list.map((result) => move(result, lender, borrower));
    for (const { dataId } of [...moved.map(([, x]) => x), ...list]) lender.disposeData(dataId, true);
    return Array.isArray(results) ? returned : returned[0]!;
  };
}
