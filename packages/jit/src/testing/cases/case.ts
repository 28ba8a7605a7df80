import { createRng, type NdArray, ndarray, sizeOf } from '@pengi/core';
import type { Tensor } from '@tensorflow/tfjs-core';

export interface KernelCase {
  /** What is called; several kernels may be used. */
  name: string;
  fn: (...inputs: Tensor[]) => Tensor | Tensor[];
  inputs: NdArray[];
  /** Whether the function is differentiable in all float inputs at these values. */
  differentiable: boolean;
}

/** A list of cases to fill, and random inputs for them that depend on the label only. */
export function caseList(label: string) {
  const rng = createRng(20231201).fork(label);
  const cases: KernelCase[] = [];

  /** Uniform numbers in [low, high). */
  function real(shape: number[], low = -1, high = 1): NdArray {
    const values = Float32Array.from({ length: sizeOf(shape) }, () => low + (high - low) * rng.uniform());
    return ndarray('float32', shape, values);
  }

  return {
    cases,
    real,
    add(name: string, fn: KernelCase['fn'], inputs: NdArray[], differentiable = true): void {
      cases.push({ name, fn, inputs, differentiable });
    },
    int(shape: number[], low: number, high: number): NdArray {
      const values = Int32Array.from({ length: sizeOf(shape) }, () => low + rng.int(high - low));
      return ndarray('int32', shape, values);
    },
    bool(shape: number[]): NdArray {
      const values = Uint8Array.from({ length: sizeOf(shape) }, () => rng.int(2));
      return ndarray('bool', shape, values);
    },
    positive: (shape: number[]) => real(shape, 0.3, 2),
    /** In random order and 0.15 apart: which of them is larger stays so when they move a little. */
    apart(shape: number[], offset = 0): NdArray {
      const size = sizeOf(shape);
      const order = rng.shuffle(Array.from({ length: size }, (_, i) => i - Math.floor(size / 2)));
      const values = Float32Array.from(order, (i) => 0.15 * i + offset);
      return ndarray('float32', shape, values);
    },
    /** Both signs, at least 0.2 away from 0: for functions with a kink or pole there. */
    awayFromZero(shape: number[]): NdArray {
      const values = (real(shape, 0.2, 1.5).data as Float32Array).map((x) => (rng.int(2) ? x : -x));
      return ndarray('float32', shape, values);
    },
  };
}
