import type { NdArray } from '@pengi/core';
import type { TensorDtype } from './dtypes.js';

/** What a file says about one tensor. */
export interface TensorInfo {
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  readonly byteLength: number;
}

/** A tensor as a file holds it: little endian, row-major. */
export interface RawTensor {
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Named tensors of any container. Reading is by range: nothing but what is asked for is read. */
export interface TensorSource {
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order in which the tensors lie in the file. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The bytes of one tensor, a copy that belongs to the caller. @throws PengiError E_ST_TENSOR, E_IO, E_NOT_FOUND */
  read(name: string): RawTensor;
  /**
   * One tensor as float32 (from F16, BF16, F32, F64), int32 (from the integer types) or bool.
   * @throws PengiError E_ST_TENSOR when a value does not fit or the dtype has no array type
   */
  array(name: string): NdArray;
}

/** Where a tensor's first byte lies in its file. */
export interface FileTensorInfo extends TensorInfo {
  readonly offset: number;
}

/** An open tensor file. */
export interface TensorFile extends TensorSource {
  /** Absolute. */
  readonly path: string;
  readonly tensors: ReadonlyMap<string, FileTensorInfo>;
  /** Gives back what the container holds; `read` and `array` are not to be called after it. Arrays stay usable. */
  close(): void;
}
