import { type NdArray, ndarray } from '@pengi/core';
import { ARRAY_DTYPES, byteLengthOf, type TensorDtype } from './dtypes.js';
import { bfloat16ToFloat, halfToFloat } from './float16.js';
import { tensorError } from './header.js';
import type { RawTensor } from './source.js';

/**
 * A file's tensor as an array: F16, BF16, F32 and F64 become float32, all integers int32, BOOL bool.
 * @param name the tensor's name, for errors
 * @throws PengiError E_ST_TENSOR when a value does not fit or the dtype has no array type
 */
export function toNdArray(raw: RawTensor, name: string, file?: string): NdArray {
  const fail: Fail = (message, hint) => tensorError(name, message, file, hint);
  if (byteLengthOf(raw.dtype, raw.shape) !== raw.bytes.length)
    throw fail(`has ${raw.bytes.length} bytes for ${raw.dtype} [${raw.shape.join(',')}]`);
  const bytes = raw.bytes.byteOffset % 8 === 0 ? raw.bytes : raw.bytes.slice();
  const dtype = ARRAY_DTYPES[raw.dtype];
  const data = convert(raw.dtype, bytes, fail);
  if (dtype === undefined || data === undefined)
    throw fail(`is ${raw.dtype}, which has no array type here`, 'read() gives its bytes as they are');
  return ndarray(dtype, raw.shape, data);
}

type Fail = (message: string, hint?: string) => Error;

function convert(
  dtype: TensorDtype,
  bytes: Uint8Array,
  fail: Fail,
): Float32Array | Int32Array | Uint8Array | undefined {
  const { buffer, byteOffset, length } = bytes;
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer, byteOffset, length / 4);
    case 'F16':
      return halfToFloat(new Uint16Array(buffer, byteOffset, length / 2));
    case 'BF16':
      return bfloat16ToFloat(new Uint16Array(buffer, byteOffset, length / 2));
    case 'F64':
      return narrowFloats(new Float64Array(buffer, byteOffset, length / 8), fail);
    case 'I32':
      return new Int32Array(buffer, byteOffset, length / 4);
    case 'U32':
      return narrowIntegers(new Uint32Array(buffer, byteOffset, length / 4), fail);
    case 'I64':
      return narrowIntegers(new BigInt64Array(buffer, byteOffset, length / 8), fail);
    case 'U64':
      return narrowIntegers(new BigUint64Array(buffer, byteOffset, length / 8), fail);
    case 'I16':
      return new Int32Array(new Int16Array(buffer, byteOffset, length / 2));
    case 'U16':
      return new Int32Array(new Uint16Array(buffer, byteOffset, length / 2));
    case 'I8':
      return new Int32Array(new Int8Array(buffer, byteOffset, length));
    case 'U8':
      return new Int32Array(bytes);
    case 'BOOL': {
      const bad = bytes.find((byte) => byte > 1);
      if (bad !== undefined) throw fail(`holds the byte ${bad}, a BOOL is 0 or 1`);
      return bytes;
    }
    default:
      return undefined;
  }
}

function narrowFloats(values: Float64Array, fail: Fail): Float32Array {
  const narrowed = new Float32Array(values);
  const bad = values.findIndex((value, i) => Number.isFinite(value) && !Number.isFinite(narrowed[i]));
  if (bad >= 0) throw fail(`holds ${values[bad]} at ${bad}, which float32 cannot hold`);
  return narrowed;
}

function narrowIntegers(values: Uint32Array | BigInt64Array | BigUint64Array, fail: Fail): Int32Array {
  const narrowed = new Int32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i]); // rounds beyond 2^53, far outside of int32
    narrowed[i] = value;
    if (narrowed[i] !== value) throw fail(`holds ${values[i]} at ${i}, which int32 cannot hold`);
  }
  return narrowed;
}
