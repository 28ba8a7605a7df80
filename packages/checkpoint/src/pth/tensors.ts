import { byteLengthOf, DTYPE_BITS, type TensorDtype } from '../dtypes.js';
import type { Machine } from './pickle.js';
import { isKind, type PyTensor, type PyValue, typeOf } from './values.js';

/** Of which PyTorch computes gradients. */
const DIFFERENTIABLE: readonly TensorDtype[] = ['F16', 'BF16', 'F32', 'F64', 'C64'];
const MAX_RANK = 64;

/**
 * A view of a storage, once every number in it is known to be one and the last element to lie inside of the storage.
 * @param dtype of the tensor, if it is not the storage's
 * @throws PengiError E_CHECKPOINT
 */
export function viewStorage(
  [storage, offset, size, stride]: readonly PyValue[],
  machine: Machine,
  dtype?: TensorDtype,
): PyTensor {
  const { fail } = machine;
  if (!isKind(storage, 'storage')) throw fail(`makes a tensor of a ${typeOf(storage)}, which is no storage`);
  const shape = sizesOf(size, 'size', machine);
  const strides = sizesOf(stride, 'stride', machine);
  if (!isSize(offset)) throw fail(`makes a tensor that starts at ${show(offset)}`);
  if (shape.length !== strides.length)
    throw fail(`makes a tensor of ${shape.length} dimensions with ${strides.length} strides`);
  if (shape.length > MAX_RANK) throw fail(`makes a tensor of ${shape.length} dimensions`);

  const type = dtype ?? storage.dtype;
  const byteLength = byteLengthOf(type, shape);
  const overall = shape.map((dim) => Math.max(dim, 1)); // a 0 must not hide sizes that overflow elsewhere
  if (byteLength === undefined || byteLengthOf(type, overall) === undefined)
    throw fail(`makes a tensor of the shape [${shape.join(',')}], whose size is beyond 2^53 bits`);
  const itemBytes = DTYPE_BITS[type] / 8;
  const extent = offset + shape.reduce((sum, dim, i) => sum + (dim - 1) * (strides[i] as number), 1);
  if (byteLength > 0 && !(extent * itemBytes <= storage.data.byteLength))
    throw fail(
      `makes a tensor [${shape.join(',')}] with strides [${strides.join(',')}] at ${offset}, beyond its storage of ${storage.data.byteLength} bytes`,
    );
  return {
    kind: 'tensor',
    storage,
    dtype: type,
    shape,
    stride: strides,
    start: offset * itemBytes,
    byteLength,
  };
}

/** PyTorch refuses gradients of what is no number with a fraction. @throws PengiError E_CHECKPOINT */
export function checkRequiresGrad(tensor: PyTensor, value: PyValue | undefined, { fail }: Machine): void {
  if (typeof value !== 'boolean') throw fail(`has a ${typeOf(value)} where it says if a tensor is trained`);
  if (value && !DIFFERENTIABLE.includes(tensor.dtype))
    throw fail(`has a tensor of ${tensor.dtype} that is trained`);
}

/** Whether the elements lie one behind the other, in order. */
export function isContiguous({ shape, stride }: Pick<PyTensor, 'shape' | 'stride'>): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const dim = shape[i] as number;
    if (dim === 0) return true;
    if (dim > 1 && stride[i] !== expected) return false;
    expected *= dim;
  }
  return true;
}

/** A whole number from 0 to 2^53. */
export function isSize(value: PyValue | undefined): value is number {
  return typeof value === 'number' && value >= 0;
}

function sizesOf(value: PyValue | undefined, what: string, { fail, spend }: Machine): number[] {
  if (!isKind(value, 'tuple')) throw fail(`makes a tensor whose ${what} is a ${typeOf(value)}`);
  spend(value.items.length);
  return value.items.map((item) => {
    if (!isSize(item))
      throw fail(`makes a tensor whose ${what} holds ${show(item)}, not a number from 0 to 2^53`);
    return item;
  });
}

function show(value: PyValue | undefined): string {
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : `a ${typeOf(value)}`;
}
