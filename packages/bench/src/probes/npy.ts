import { endianness } from 'node:os';
import { type NdArray, PengiError, sizeOf } from '@pengi/core';

/** A float32 array as a NumPy file (format 1.0, C order). */
export function npy({ data, shape }: NdArray<'float32'>): Uint8Array {
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${dims}), }`;
  // Magic, version and the header's length are 10 bytes; the data begin at a multiple of 64, after a newline.
  const padding = ' '.repeat((64 - ((10 + header.length + 1) % 64)) % 64);
  const text = `${header}${padding}\n`;
  const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, text.length & 255, text.length >> 8]);
  return Buffer.concat([start, Buffer.from(text, 'latin1'), rawFloats(data)]);
}

/** The bytes of `data`, little endian: what `numpy.memmap(dtype=float32)` reads. */
export function rawFloats(data: Float32Array): Uint8Array {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return endianness() === 'LE' ? bytes : Buffer.from(bytes).swap32();
}

/** `rawFloats` back. @throws PengiError E_SHAPE when the size is another */
export function floatsOf(bytes: Uint8Array, shape: readonly number[], file: string): Float32Array {
  if (bytes.byteLength !== 4 * sizeOf(shape))
    throw new PengiError('E_SHAPE', `${bytes.byteLength} bytes are not [${shape.join(', ')}] float32`, {
      file,
    });
  const copy = Buffer.from(bytes);
  if (endianness() !== 'LE') copy.swap32();
  return new Float32Array(copy.buffer, copy.byteOffset, copy.byteLength / 4).slice();
}
