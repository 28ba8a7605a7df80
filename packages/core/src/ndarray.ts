import { PengiError } from './errors.js';

/** What every engine computes with. `bool` is stored as 0 or 1 in a `Uint8Array`. */
export type DType = 'float32' | 'int32' | 'bool';

export interface DTypeArray {
  float32: Float32Array;
  int32: Int32Array;
  bool: Uint8Array;
}

/** Where an array's bytes lie in a file: little endian, row-major, without holes. */
export interface FileRegion {
  path: string;
  offset: number;
}

/**
 * An array in host memory, row-major. It is what goes into and comes out of a compiled program.
 * An array that was opened from a file reads `data` when it is asked for, and has `region`, so that an engine can map
 * the file instead.
 */
export interface NdArray<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: DTypeArray[D];
  readonly region?: FileRegion;
}

/** The number of elements of `shape`; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

export const DTYPE_ARRAYS = {
  float32: Float32Array,
  int32: Int32Array,
  bool: Uint8Array,
} as const;

/** @throws PengiError E_SHAPE when `data` does not have `shape`'s size */
export function ndarray<D extends DType>(
  dtype: D,
  shape: readonly number[],
  data: DTypeArray[D],
): NdArray<D> {
  if (data.length !== sizeOf(shape))
    throw new PengiError('E_SHAPE', `${data.length} values do not fill the shape [${shape.join(', ')}]`);
  return { dtype, shape, data };
}

/** A float32 array from numbers; a `Float32Array` is kept, not copied. */
export function floats(
  data: ArrayLike<number>,
  shape: readonly number[] = [data.length],
): NdArray<'float32'> {
  return ndarray('float32', shape, data instanceof Float32Array ? data : Float32Array.from(data));
}

/** An int32 array from numbers; an `Int32Array` is kept, not copied. */
export function ints(data: ArrayLike<number>, shape: readonly number[] = [data.length]): NdArray<'int32'> {
  return ndarray('int32', shape, data instanceof Int32Array ? data : Int32Array.from(data));
}

export function scalar(value: number): NdArray<'float32'> {
  return floats([value], []);
}

export function zeros<D extends DType>(dtype: D, shape: readonly number[]): NdArray<D> {
  return { dtype, shape, data: new DTYPE_ARRAYS[dtype](sizeOf(shape)) as DTypeArray[D] };
}
