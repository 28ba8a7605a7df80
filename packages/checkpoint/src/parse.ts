import { toNdArray } from './convert.js';
import { headerLength, infoOf, PREFIX_BYTES, parseHeader } from './header.js';
import type { FileTensorInfo, RawTensor, TensorSource } from './source.js';

export type { TensorDtype } from './dtypes.js';
export type { FileTensorInfo, RawTensor, TensorInfo, TensorSource } from './source.js';

/** A safetensors file in memory. */
export interface SafetensorsBytes extends TensorSource {
  readonly tensors: ReadonlyMap<string, FileTensorInfo>;
}

/**
 * Reads a safetensors file that is in memory; works in browsers. `bytes` is kept, not copied.
 * @param name what errors call the file
 * @throws PengiError E_ST_HEADER or E_ST_TENSOR
 */
export function parseSafetensors(bytes: Uint8Array, name = 'safetensors'): SafetensorsBytes {
  const length = headerLength(bytes.subarray(0, PREFIX_BYTES), bytes.length, name);
  const dataStart = PREFIX_BYTES + length;
  const { metadata, tensors } = parseHeader(
    bytes.subarray(PREFIX_BYTES, dataStart),
    bytes.length - dataStart,
    name,
  );
  const read = (tensor: string): RawTensor => {
    const { dtype, shape, offset, byteLength } = infoOf(tensors, tensor, name);
    return { dtype, shape, bytes: bytes.slice(offset, offset + byteLength) };
  };
  return { metadata, tensors, read, array: (tensor) => toNdArray(read(tensor), tensor, name) };
}
