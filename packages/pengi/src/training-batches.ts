/** What the batches of the training stages are made of. */
import { floats, fnv1a, ints, type NdArray, PengiError, printable } from '@pengi/core';
import type { Part } from '@pengi/train';

/**
 * Draws the samples of a step; it must depend on the step alone, so that a resumed run equals an unbroken one.
 * @param part of these samples that is wanted, where several processes train together: `partOf` of @pengi/train takes it
 */
export type Draw<Sample> = (step: number, part?: Part) => Promise<readonly Sample[]> | readonly Sample[];

/** A clip's log-mel [frames, mels] in dB, row-major. */
export interface AudioSample {
  id: string;
  logMel: Float32Array;
}

/**
 * Lengths in tokens that answers are padded to; longer ones to what the model takes. Each length is compiled once, which takes
 * seconds and memory, so there are few of them.
 */
export const CAPTION_LENGTHS: readonly number[] = [8, 16, 32, 48, 64, 80, 128, 256, 512];

/** So many lengths may be given: with the longest of all, as many as graphs stay in memory by default. */
const MOST_LENGTHS = 15;

/** @throws PengiError E_USAGE for what is no ascending list of a few lengths */
export function checkLengths(lengths: readonly number[]): void {
  const ascends = lengths.every((length, i) => Number.isInteger(length) && length > (lengths[i - 1] ?? 0));
  if (ascends && lengths.length <= MOST_LENGTHS) return;
  throw new PengiError(
    'E_USAGE',
    `lengths of answers are up to ${MOST_LENGTHS} ascending whole numbers, found ${printable(String(lengths), 80)}`,
  );
}

/** The smallest of `lengths` that `longest` fits in, or else `most`. */
export function paddedLength(longest: number, lengths: readonly number[], most: number): number {
  return Math.min(most, lengths.find((length) => length >= longest) ?? most);
}

export async function drawn<Sample>(
  draw: Draw<Sample>,
  step: number,
  part: Part | undefined,
): Promise<readonly Sample[]> {
  const samples = await draw(step, part);
  if (samples.length === 0) throw new PengiError('E_DATA', `no samples were drawn for step ${step + 1}`);
  return samples;
}

/** [B, 2]: 64 bits of each caption, which are equal for equal captions in all processes. */
export function captionGroups(captions: readonly string[]): NdArray<'int32'> {
  // FNV-1a from two starting points: what collides from one does not from the other.
  const names = captions.flatMap((caption) => [fnv1a(`1${caption}`), fnv1a(`2${caption}`)]);
  return ints(Int32Array.from(names), [captions.length, 2]);
}

/** Of a mask [B, T] of 1 and 0, the number of ones from position `from` on. */
export function countedTokens({ data, shape }: NdArray, from: number): number {
  const length = shape[1]!;
  let count = 0;
  for (let i = 0; i < data.length; i++) if (i % length >= from) count += Number(data[i]);
  return count;
}

/** [B, frames, mels] */
export function stacked(samples: readonly AudioSample[], mels: number): NdArray<'float32'> {
  const size = samples[0]!.logMel.length;
  const data = new Float32Array(samples.length * size);
  for (const [b, { id, logMel }] of samples.entries()) {
    if (logMel.length !== size || size === 0 || size % mels !== 0)
      throw new PengiError(
        'E_DATA',
        `sample "${printable(id)}": a log-mel of ${logMel.length} values, expected ${size > 0 && size % mels === 0 ? size : `frames of ${mels}`}`,
      );
    data.set(logMel, b * size);
  }
  return floats(data, [samples.length, size / mels, mels]);
}

/** Sequences cut or padded to `length`, and 1 where they have a token. */
export function padded(sequences: readonly (readonly number[])[], length: number, pad: number) {
  const ids = new Int32Array(sequences.length * length).fill(pad);
  const mask = new Float32Array(sequences.length * length);
  for (const [b, sequence] of sequences.entries()) {
    const cut = sequence.slice(0, length);
    ids.set(cut, b * length);
    mask.fill(1, b * length, b * length + cut.length);
  }
  const shape = [sequences.length, length];
  return { ids: ints(ids, shape), mask: floats(mask, shape) };
}
