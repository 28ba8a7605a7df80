/** Writing ONNX files. Node only. */
import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { PengiError, sizeOf } from '@pengi/core';
import { writeFileAtomic } from '@pengi/core/node';
import type { OnnxFile, WriteOnnxOptions } from '../export.js';
import { bytesOf, ELEMENT_BYTES, type Value } from './graph.js';
import { type ConstantPlace, encodeModel, lengthOf, type ModelContent, type Piece } from './onnx.js';

/** The longest message of protocol buffers. */
const LONGEST = 2 ** 31 - 1;

/** Weights begin at multiples of this in a file of their own, so that they can be mapped. */
const ALIGNMENT = 4096;

/** See `OnnxModel.write`. */
export async function writeOnnx(
  content: ModelContent,
  path: string,
  { externalData }: WriteOnnxOptions = {},
): Promise<OnnxFile[]> {
  const inside = encodeModel(content, () => undefined);
  const fits = lengthOf(inside) <= LONGEST;
  if (externalData === false && !fits)
    throw new PengiError(
      'E_USAGE',
      `an ONNX file ends at 2 GiB, this one would have ${lengthOf(inside)} bytes`,
      {
        file: path,
        hint: 'let the weights have a file of their own',
      },
    );
  if (!(externalData ?? !fits)) return [await write(path, inside)];
  const { place, pieces } = besides(`${basename(path)}.data`);
  const model = encodeModel(content, place);
  const weights = await write(`${path}.data`, pieces); // first, so that no model is without its weights
  return [await write(path, model), weights];
}

/** Weights one after the other in the file `location`, in the order in which they are asked for. */
function besides(location: string): { place: (value: Value) => ConstantPlace; pieces: Piece[] } {
  const pieces: Piece[] = [];
  let end = 0;
  return {
    pieces,
    place({ shape, dtype, constant }) {
      const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
      const length = sizeOf(shape) * ELEMENT_BYTES[dtype];
      if (offset > end) pieces.push(new Uint8Array(offset - end));
      pieces.push({ length, read: () => bytesOf(constant!.data) });
      end = offset + length;
      return { location, offset, length };
    },
  };
}

async function write(path: string, pieces: readonly Piece[]): Promise<OnnxFile> {
  const hash = createHash('sha256');
  await writeFileAtomic(path, (file) => writePieces(file, pieces, hash));
  return { path, bytes: lengthOf(pieces), sha256: hash.digest('hex') };
}

async function writePieces(file: FileHandle, pieces: readonly Piece[], hash: Hash): Promise<void> {
  for (const piece of pieces) {
    const bytes = piece instanceof Uint8Array ? piece : piece.read();
    hash.update(bytes);
    for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
  }
}
