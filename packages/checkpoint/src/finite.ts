import { leaves, type NdArray, PengiError, printable, type Tree } from '@pengi/core';

/**
 * Refuses NaN and infinities, which the file format would store: a training checkpoint must not hold any.
 * @param what the arrays' name in the message, such as `the optimizer state`
 * @throws PengiError E_NONFINITE that names the first array, index and value
 */
export function assertFinite(arrays: Tree<NdArray>, what = 'the checkpoint'): void {
  for (const [name, array] of leaves<NdArray>(arrays)) {
    if (array.dtype !== 'float32') continue;
    const data = array.data;
    const bad = data.findIndex((value: number) => !Number.isFinite(value));
    if (bad >= 0)
      throw new PengiError('E_NONFINITE', `${what}: ${printable(name)} holds ${data[bad]} at ${bad}`);
  }
}
