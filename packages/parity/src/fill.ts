/**
 * Weights and inputs by formula (goldens/README.md, "Deterministic fill"): both sides of a comparison get the same
 * float32 bits without a file changing hands.
 */
import { fmix32, fnv1a, GOLDEN_STEP, type NdArray, sizeOf } from '@pengi/core';

/** A description of a filled array, as goldens carry it. */
export interface Fill {
  /** The name that is hashed. */
  fill: string;
  shape: readonly number[];
  salt?: string;
  scale?: number;
  offset?: number;
}

export function fill(
  salt: string,
  name: string,
  shape: readonly number[],
  scale = 1,
  offset = 0,
  from = 0,
): NdArray<'float32'> {
  const start = fnv1a(`${salt}/${name}`);
  const data = new Float32Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) {
    const x = fmix32((start + Math.imul(from + i, GOLDEN_STEP)) >>> 0);
    // In float64: multiply, then add, then round once.
    data[i] = offset + scale * (2 * (x / 2 ** 32) - 1);
  }
  return { dtype: 'float32', shape, data };
}

/** Reads descriptions such as `fill(salt, 'probe/x', [1, 7], 1, 0)`; `scale` and `offset` may be left out. */
export function parseFill(text: string, salt: string): NdArray<'float32'> {
  const found = /fill\(salt, '([^']+)', \[([^\]]*)\](?:, ([^,)]+))?(?:, ([^,)]+))?\)/.exec(text);
  if (!found) throw new Error(`not a description of filled values: ${text}`);
  const [, name, dims, scale = '1', offset = '0'] = found;
  return fill(salt, name!, dims!.split(',').map(Number), Number(scale), Number(offset));
}
