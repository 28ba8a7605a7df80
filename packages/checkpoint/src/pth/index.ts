import { type NdArray, PengiError, printable } from '@pengi/core';
import { toNdArray } from '../convert.js';
import { DTYPE_BITS } from '../dtypes.js';
import { fileBacked, isMappable } from '../file-array.js';
import { tensorError } from '../header.js';
import { openRangeFile, type RangeFile } from '../range-file.js';
import type { FileTensorInfo, RawTensor, TensorInfo, TensorSource } from '../source.js';
import { findRoot, flattenTensors, type PlainValue, plainValues } from './flatten.js';
import { gather, swapBytes } from './gather.js';
import { readLegacyContainer } from './legacy.js';
import { isContiguous } from './tensors.js';
import type { PyTensor } from './values.js';
import { checkCrc, readZipContainer } from './zip-container.js';

export type { PlainValue } from './flatten.js';

export interface PthOptions {
  /**
   * The keys that lead to the dictionary with the weights, [] for the whole file. By default the first of `model`,
   * `state_dict`, `model_state_dict`, `module`, `weights` that holds tensors, else the whole file.
   */
  root?: readonly string[];
}

export interface PthTensorInfo extends TensorInfo {
  /** Where the bytes lie in the file, if they lie there as they are: in order, without gaps, little endian. */
  readonly offset?: number;
  /** The storage that the tensor is a view of, and its first byte there. Tied tensors have these and the shape in common. */
  readonly storage: { readonly key: string; readonly start: number };
}

/** An open PyTorch checkpoint. */
export interface PthFile extends TensorSource {
  /** Absolute. */
  readonly path: string;
  /** Which dictionary of the file the tensors are from, see `PthOptions`. */
  readonly root: readonly string[];
  /** By names made of keys and of positions in lists, joined by dots; in the file's own order. */
  readonly tensors: ReadonlyMap<string, PthTensorInfo>;
  /** The numbers and texts at the top of the file, such as `epoch`. */
  readonly values: ReadonlyMap<string, PlainValue>;
  /** Gives back what the container holds; `read` and `array` are not to be called after it. Arrays stay usable. */
  close(): void;
}

const ZIP_START = [0x50, 0x4b, 0x03, 0x04];
/** How far views that repeat or share elements may make the tensors larger than their file. */
const MAX_EXPANSION = { factor: 8, bytes: 0x4000000 };

/**
 * Opens a checkpoint that `torch.save` wrote (`.pth`, `.pt`, `.bin`, `.ckpt`), in the zip format or the one before it:
 * reads the description of its tensors, and of their data nothing. Runs nothing that the file holds: what PyTorch itself
 * refuses to load with `weights_only` is refused, and so is what is not plain weights.
 *
 * `array` gives float32 and int32 tensors that lie in the file in order as file-backed arrays, as `openSafetensors` does.
 * Others are read when asked for. A storage that is read whole is compared with its checksum.
 * @throws PengiError E_NOT_FOUND, E_IO, E_CHECKPOINT
 */
export async function openPth(path: string, { root: wanted }: PthOptions = {}): Promise<PthFile> {
  const file = await openRangeFile(path);
  const start = file.read(0, Math.min(file.size, ZIP_START.length));
  const isZip = ZIP_START.every((byte, i) => start[i] === byte);
  const { value, bigEndian } = isZip ? readZipContainer(file) : readLegacyContainer(file);

  const root = findRoot(value, wanted, path);
  const found = flattenTensors(root.dict, path);
  checkAmount(found, file);
  // Their bytes would have been turned as the storage's type wants it, or not at all.
  if (bigEndian && [...found.values()].some(({ dtype, storage }) => dtype !== storage.dtype))
    throw new PengiError('E_CHECKPOINT', 'holds big endian tensors of another type than their storage', {
      file: path,
    });
  const tensors = new Map([...found].map(([name, tensor]) => [name, infoOf(tensor, bigEndian)]));
  const find = (name: string): { tensor: PyTensor; info: PthTensorInfo } => {
    const [tensor, info] = [found.get(name), tensors.get(name)];
    if (tensor && info) return { tensor, info };
    throw tensorError(name, `is not among the ${tensors.size} of this file`, path);
  };
  const read = (name: string): RawTensor => {
    const { tensor } = find(name);
    return { dtype: tensor.dtype, shape: tensor.shape, bytes: readTensor(file, tensor, bigEndian) };
  };
  return {
    path: file.path,
    root: root.path,
    metadata: {},
    tensors,
    values: plainValues(value),
    read,
    array(name): NdArray {
      const { tensor, info } = find(name);
      return isInPlace(info) && isMappable(info)
        ? fileBacked(file.path, info, () => readTensor(file, tensor, bigEndian))
        : toNdArray(read(name), name, path);
    },
    close() {},
  };
}

function infoOf(tensor: PyTensor, bigEndian: boolean): PthTensorInfo {
  const { dtype, shape, byteLength, storage, start } = tensor;
  const inPlace = isContiguous(tensor) && !(bigEndian && DTYPE_BITS[dtype] > 8);
  return {
    dtype,
    shape,
    byteLength,
    storage: { key: storage.key, start },
    ...(inPlace ? { offset: storage.data.offset + start } : {}),
  };
}

function isInPlace(info: PthTensorInfo): info is PthTensorInfo & FileTensorInfo {
  return info.offset !== undefined;
}

function readTensor(file: RangeFile, tensor: PyTensor, bigEndian: boolean): Uint8Array<ArrayBuffer> {
  const { storage, dtype, shape, start, byteLength } = tensor;
  const { data, key } = storage;
  const itemBytes = DTYPE_BITS[dtype] / 8;
  const read = (from: number, length: number) => {
    const bytes = file.read(data.offset + from, length);
    if (length === data.byteLength) checkCrc(bytes, data, `data/${key}`, file);
    return bytes;
  };
  const bytes = isContiguous(tensor)
    ? read(byteLength === 0 ? 0 : start, byteLength)
    : gather({ start, shape, stride: tensor.stride.map((step) => step * itemBytes), itemBytes }, read);
  if (bigEndian) swapBytes(bytes, dtype === 'C64' ? itemBytes / 2 : itemBytes);
  return bytes;
}

/** A few bytes of a file can describe views that would fill any memory. */
function checkAmount(tensors: ReadonlyMap<string, PyTensor>, { size, name }: RangeFile): void {
  const limit = size * MAX_EXPANSION.factor + MAX_EXPANSION.bytes;
  let total = 0;
  for (const [tensor, { byteLength }] of tensors) {
    total += byteLength;
    if (total > limit)
      throw new PengiError(
        'E_CHECKPOINT',
        `holds tensors of more than ${limit} bytes, with "${printable(tensor)}", in a file of ${size}`,
        {
          file: name,
          hint: 'views that repeat their elements are to be saved as copies: tensor.contiguous()',
        },
      );
  }
  if (tensors.size > 0) return;
  throw new PengiError('E_CHECKPOINT', 'holds no tensors', {
    file: name,
    hint: 'name the dictionary that holds the weights',
  });
}
