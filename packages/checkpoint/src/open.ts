import { type BigIntStats, closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type NdArray, PengiError } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import { toNdArray } from './convert.js';
import { headerLength, infoOf, PREFIX_BYTES, parseHeader } from './header.js';
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
      return isMappable(info) ? fileBacked(file, info) : toNdArray(readTensor(info), name, path);
    },
    close() {},
  };
}

/** A regular file that is read by range. */
interface RangeFile {
  /** Absolute. */
  readonly path: string;
  readonly size: number;
  /** @throws PengiError E_IO when the file has changed or the bytes cannot be had */
  read(offset: number, length: number): Uint8Array<ArrayBuffer>;
}

/** Node refuses reads of 2 GiB and more. */
const MAX_READ = 0x40000000;

async function openRangeFile(path: string): Promise<RangeFile> {
  let opened: BigIntStats;
  try {
    opened = await stat(path, { bigint: true });
  } catch (error) {
    throw fileError(error, path, 'read');
  }
  if (!opened.isFile())
    // Opening a pipe would wait for its other end for ever.
    throw new PengiError(
      'E_NOT_FOUND',
      `is a ${opened.isDirectory() ? 'folder' : 'device or pipe'}, not a file`,
      {
        file: path,
      },
    );
  const absolute = resolve(path);
  return {
    path: absolute,
    size: Number(opened.size),
    read(offset, length) {
      try {
        return readRange(absolute, offset, length, (now) => sameFile(opened, now));
      } catch (error) {
        throw fileError(error, path, 'read');
      }
    },
  };
}

function readRange(
  path: string,
  offset: number,
  length: number,
  isOpened: (now: BigIntStats) => boolean,
): Uint8Array<ArrayBuffer> {
  const descriptor = openSync(path, 'r');
  try {
    if (!isOpened(fstatSync(descriptor, { bigint: true })))
      throw new PengiError('E_IO', 'the file has changed since it was opened', {
        file: path,
        hint: 'open it again',
      });
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const wanted = Math.min(length - done, MAX_READ);
      const got = readSync(descriptor, bytes, done, wanted, offset + done);
      if (got === 0) throw new PengiError('E_IO', `the file ends at ${offset + done}`, { file: path });
      done += got;
    }
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

function sameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs;
}

/** Whether the file's bytes are the array's bytes, where a typed array could begin. */
function isMappable({ dtype, offset, byteLength }: FileTensorInfo): boolean {
  return (dtype === 'F32' || dtype === 'I32') && offset % 4 === 0 && byteLength > 0;
}

function fileBacked(file: RangeFile, { dtype, shape, offset, byteLength }: FileTensorInfo): NdArray {
  const region = { path: file.path, offset };
  const read = () => file.read(offset, byteLength).buffer;
  return dtype === 'F32'
    ? {
        dtype: 'float32',
        shape,
        region,
        get data() {
          return new Float32Array(read());
        },
      }
    : {
        dtype: 'int32',
        shape,
        region,
        get data() {
          return new Int32Array(read());
        },
      };
}
