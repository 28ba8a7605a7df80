/**
 * Seeded randomness inside model functions. A seed tensor goes in as an input, so one compiled step gives other numbers
 * at every call and the same numbers for the same seeds, on every engine. Each site (a dropout, say) folds its name into
 * the key, so sites are independent of each other and of the order in which they run.
 */
import { fmix32, foldKey, GOLDEN_STEP, sizeOf } from '@pengi/core';
import type { KernelFunc, Tensor, TensorInfo } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/** Seeds for a batch: one int32 per sample. Sample i's numbers depend on `seeds[i]` and the site only. */
export interface Keys {
  readonly seeds: Tensor; // [B] int32
  readonly site: number;
}

export function keysFrom(seeds: Tensor): Keys {
  return { seeds, site: 0 };
}

/** The keys of a named place below this one; undefined stays undefined, which means "not training". */
export function fold<K extends Keys | undefined>(keys: K, label: string | number): K {
  return (keys && { seeds: keys.seeds, site: foldKey(keys.site, label) }) as K;
}

/**
 * Uniform numbers in [0, 1) of shape [B, ...shape], 24 bits each: fmix32(key + i·golden) / 2^32 with
 * key = fold(seeds[b], site), cut to what float32 holds.
 */
export function uniform(keys: Keys, shape: readonly number[]): Tensor {
  const inputs: { [name: string]: Tensor } = { seeds: keys.seeds };
  return tf.engine().runKernel('HashUniform', inputs, { site: keys.site, shape: [...shape] }) as Tensor;
}

/**
 * Dropout for x [B, ...]: zero with probability `rate`, the rest scaled by 1/(1-rate). The identity without keys.
 */
export function dropout(x: Tensor, rate: number, keys: Keys | undefined): Tensor {
  if (!keys || rate === 0) return x;
  if (rate >= 1) return tf.zerosLike(x); // not 0 · ∞
  const kept = tf.cast(tf.greaterEqual(uniform(keys, x.shape.slice(1)), rate), 'float32');
  return tf.mul(x, tf.mul(kept, 1 / (1 - rate)));
}

/** Stochastic depth: the whole residual of a sample is dropped with probability `rate`. x [B, ...]. */
export function dropPath(x: Tensor, rate: number, keys: Keys | undefined): Tensor {
  if (!keys || rate === 0) return x;
  if (rate >= 1) return tf.zerosLike(x);
  const kept = tf.cast(tf.greaterEqual(uniform(keys, []), rate), 'float32'); // [B]
  const perSample = tf.reshape(tf.mul(kept, 1 / (1 - rate)), [x.shape[0]!, ...x.shape.slice(1).map(() => 1)]);
  return tf.mul(x, perSample);
}

/** The values of the `HashUniform` kernel, for engines that compute on the host. */
export function hashUniform(seeds: ArrayLike<number>, site: number, shape: readonly number[]): Float32Array {
  const size = sizeOf(shape);
  const values = new Float32Array(seeds.length * size);
  for (let b = 0; b < seeds.length; b++) {
    const key = foldKey(seeds[b]! >>> 0, site);
    for (let i = 0; i < size; i++)
      values[b * size + i] = (fmix32((key + Math.imul(i, GOLDEN_STEP)) >>> 0) >>> 8) / 0x1000000;
  }
  return values;
}

/** What a TensorFlow.js backend that computes on the host offers. */
interface HostBackend {
  readSync(dataId: object): ArrayLike<number>;
  write(values: Float32Array, shape: number[], dtype: 'float32'): object;
}

const hashUniformKernel: KernelFunc = ({ inputs, backend, attrs }) => {
  const host = backend as HostBackend;
  const seeds = inputs.seeds as TensorInfo;
  const { site, shape } = attrs as unknown as { site: number; shape: number[] };
  const values = hashUniform(host.readSync(seeds.dataId), site, shape);
  const outputShape = [...seeds.shape, ...shape];
  return { dataId: host.write(values, outputShape, 'float32'), shape: outputShape, dtype: 'float32' };
};

/** Makes `uniform` work on a TensorFlow.js backend. Engines call it; calling it twice does nothing. */
export function registerRandomKernels(backendName: string): void {
  if (!tf.getKernel('HashUniform', backendName))
    tf.registerKernel({ kernelName: 'HashUniform', backendName, kernelFunc: hashUniformKernel });
}
