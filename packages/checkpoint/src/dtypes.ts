import type { DType } from '@pengi/core';

/**
 * The element types of a tensor file and their bits. The names and the order are the safetensors format's; the official
 * writer sorts tensors by this order, last first, so that every tensor starts at a multiple of its element's size.
 */
export const DTYPE_BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

export type TensorDtype = keyof typeof DTYPE_BITS;

/** What arrays of a file's dtype become in memory. Dtypes that are not listed can only be read as raw bytes. */
export const ARRAY_DTYPES: { readonly [D in TensorDtype]?: DType } = {
  BOOL: 'bool',
  U8: 'int32',
  I8: 'int32',
  I16: 'int32',
  U16: 'int32',
  I32: 'int32',
  U32: 'int32',
  I64: 'int32',
  U64: 'int32',
  F16: 'float32',
  BF16: 'float32',
  F32: 'float32',
  F64: 'float32',
};

/** The file dtype that holds an array's values as they are. */
export const FILE_DTYPES = { float32: 'F32', int32: 'I32', bool: 'BOOL' } as const satisfies Record<
  DType,
  TensorDtype
>;

export function isTensorDtype(name: unknown): name is TensorDtype {
  return typeof name === 'string' && Object.hasOwn(DTYPE_BITS, name);
}

/** The position in the format's own order, see `DTYPE_BITS`. */
export function dtypeRank(dtype: TensorDtype): number {
  return Object.keys(DTYPE_BITS).indexOf(dtype);
}

/**
 * The bytes that `shape` takes; undefined when that is no whole number, or beyond 2^53 bits, or the shape is none.
 * Multiplied from the left, as in the official library: a 0 keeps what follows from overflowing, not what precedes it.
 */
export function byteLengthOf(dtype: TensorDtype, shape: readonly number[]): number | undefined {
  let bits: number = DTYPE_BITS[dtype];
  for (const dim of shape) {
    bits *= dim;
    if (!Number.isInteger(dim) || dim < 0 || !Number.isSafeInteger(bits)) return undefined;
  }
  return bits % 8 === 0 ? bits / 8 : undefined;
}
