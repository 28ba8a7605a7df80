import { toNdArray } from './convert.js';
import { fileBacked, isMappable } from './file-array.js';
import { headerLength, infoOf, PREFIX_BYTES, parseHeader } from './header.js';
import { openRangeFile } from './range-file.js';
import type { FileTensorInfo, RawTensor, TensorFile } from './source.js';

/**
 * Opens a safetensors file: reads and checks its header, and of the data nothing.
 *
 * `array` gives F32 and I32 tensors as *file-backed* arrays: `region` says where the bytes lie, so that an engine can map
 * them, and `data` reads them anew each time it is asked for (it is not cached: keep it in a variable). They outlive
 * `close`. No descriptor is held between reads. A file that changes after it was opened is noticed by the next read
 * (E_IO).
 * @throws PengiError E_NOT_FOUND, E_IO, E_ST_HEADER, E_ST_TENSOR
 */
export async function openSafetensors(path: string): Promise<TensorFile> {
  const file = await openRangeFile(path);
  const length = headerLength(file.read(0, Math.min(PREFIX_BYTES, file.size)), file.size, path);
  const dataStart = PREFIX_BYTES + length;
  const { metadata, tensors } = parseHeader(file.read(PREFIX_BYTES, length), file.size - dataStart, path);

  const readTensor = ({ dtype, shape, offset, byteLength }: FileTensorInfo): RawTensor => ({
    dtype,
    shape,
    bytes: file.read(offset, byteLength),
  });
  return {
    path: file.path,
    metadata,
    tensors,
    read: (name) => readTensor(infoOf(tensors, name, path)),
    array(name) {
      const info = infoOf(tensors, name, path);
      return isMappable(info)
        ? fileBacked(file.path, info, () => file.read(info.offset, info.byteLength))
        : toNdArray(readTensor(info), name, path);
    },
    close() {},
  };
}
