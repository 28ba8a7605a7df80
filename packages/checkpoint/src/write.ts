import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { type NdArray, ndarray } from '@pengi/core';
import { writeFileAtomic } from '@pengi/core/node';
import { byteLengthOf, dtypeRank, FILE_DTYPES } from './dtypes.js';
import { floatToBfloat16, floatToHalf } from './float16.js';
import { encodeHeader, tensorError } from './header.js';
import type { RawTensor, TensorInfo } from './source.js';

export interface WriteOptions {
  /** Rounds float32 arrays to this type (nearest, ties to even). Raw tensors and other arrays stay as they are. */
  dtype?: 'F32' | 'F16' | 'BF16';
}

/** What was written. */
export interface WrittenFile {
  readonly byteLength: number;
  /** Of the whole file, in hexadecimal. */
  readonly sha256: string;
}

/**
 * Writes a safetensors file atomically, one tensor in memory at a time (file-backed arrays are read when their turn
 * comes). The order is the official writer's: widest dtype first, then by name, so that every tensor is aligned to its
 * elements; the header is padded so that the data starts at a multiple of 64 bytes. The format itself asks for no order.
 * NaN and infinities are written as they are; see `assertFinite`.
 * @param metadata free texts; transformers wants `{format: 'pt'}`
 * @throws PengiError E_ST_TENSOR (a tensor whose bytes do not fill its shape, a value beyond F16), E_CANNOT_CREATE,
 *   E_DISK_FULL, E_IO
 */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, NdArray | RawTensor>>,
  metadata: Readonly<Record<string, string>> = {},
  { dtype = 'F32' }: WriteOptions = {},
): Promise<WrittenFile> {
  const planned = Object.entries(tensors)
    .map(([name, tensor]) => ({ name, tensor, info: infoOf(name, tensor, dtype, path) }))
    .sort((a, b) => dtypeRank(b.info.dtype) - dtypeRank(a.info.dtype) || compare(a.name, b.name));
  const header = encodeHeader(
    planned.map(({ name, info }) => [name, info]),
    metadata,
    path,
  );

  const hash = createHash('sha256');
  let byteLength = 0;
  await writeFileAtomic(path, async (file) => {
    const sync = createSyncer(file);
    const append = async (bytes: Uint8Array) => {
      const written = writeAll(file, bytes); // by another thread, while this one hashes
      hash.update(bytes);
      await written;
      byteLength += bytes.length;
      sync.after(bytes.length);
    };
    try {
      await append(header);
      for (const { name, tensor, info } of planned)
        for (const bytes of bytesOf(name, tensor, info, path)) await append(bytes);
    } catch (error) {
      await sync.done().catch(() => undefined); // the handle must not be closed under it; the first error counts
      throw error;
    }
    await sync.done();
  });
  return { byteLength, sha256: hash.digest('hex') };
}

/** Bytes after which what was written is sent to the disk, so that not all of it waits for the end. */
const SYNC_BYTES = 0x2000000;

/** Syncs now and then, beside the writing. `done` waits, and throws what went wrong: the system tells it only once. */
function createSyncer(file: FileHandle): { after(bytes: number): void; done(): Promise<void> } {
  let unsynced = 0;
  let running: Promise<void> | undefined;
  let failure: unknown;
  return {
    after(bytes) {
      unsynced += bytes;
      if (unsynced < SYNC_BYTES || running) return;
      unsynced = 0;
      running = file
        .datasync()
        .catch((error) => {
          failure ??= error;
        })
        .finally(() => {
          running = undefined;
        });
    },
    async done() {
      await running;
      if (failure !== undefined) throw failure;
    },
  };
}

/** Values per step: what a conversion holds beside the array, and well below Node's 2 GiB per write. */
const CHUNK = 0x400000;

function infoOf(
  name: string,
  tensor: NdArray | RawTensor,
  floats: 'F32' | 'F16' | 'BF16',
  file: string,
): TensorInfo {
  const dtype =
    'bytes' in tensor ? tensor.dtype : tensor.dtype === 'float32' ? floats : FILE_DTYPES[tensor.dtype];
  const byteLength = byteLengthOf(dtype, tensor.shape);
  if (byteLength === undefined)
    throw tensorError(name, `has a shape without a size: ${dtype} [${tensor.shape.join(',')}]`, file);
  return { dtype, shape: tensor.shape, byteLength };
}

function* bytesOf(
  name: string,
  tensor: NdArray | RawTensor,
  { dtype, shape, byteLength }: TensorInfo,
  file: string,
): Generator<Uint8Array> {
  // An array's own check is about elements; here F16 takes another number of bytes than the array has.
  const data = 'bytes' in tensor ? tensor.bytes : ndarray(tensor.dtype, shape, tensor.data).data;
  if ('bytes' in tensor && data.length !== byteLength)
    throw tensorError(
      name,
      `has ${data.length} bytes, ${dtype} [${shape.join(',')}] needs ${byteLength}`,
      file,
    );
  for (let i = 0; i < data.length; i += CHUNK) {
    const chunk = data.subarray(i, i + CHUNK);
    const converted = chunk instanceof Float32Array ? convert(name, chunk, dtype, file) : chunk;
    yield new Uint8Array(converted.buffer, converted.byteOffset, converted.byteLength);
  }
}

function convert(
  name: string,
  values: Float32Array,
  dtype: string,
  file: string,
): Float32Array | Uint16Array {
  if (dtype === 'BF16') return floatToBfloat16(values);
  if (dtype !== 'F16') return values;
  const half = floatToHalf(values);
  const lost = half.findIndex((bits, i) => (bits & 0x7fff) === 0x7c00 && Number.isFinite(values[i]));
  if (lost >= 0)
    throw tensorError(name, `holds ${values[lost]}, beyond the 65,504 of F16`, file, 'use BF16 or F32');
  return half;
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await file.write(bytes, done, bytes.length - done)).bytesWritten;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
