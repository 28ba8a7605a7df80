/** Long recordings: windows, embedded in batches, and what becomes of several embeddings of one recording. */
import type { AudioWindow, Frontend, FrontendWindowOptions, ReadAudioOptions } from '@pengi/audio-frontend';
import { floats, type NdArray, PengiError, printable } from '@pengi/core';
import type { Span } from '@pengi/htsat';
import type { AudioInput, EmbedOptions } from './encoders.js';

/** How several embeddings become one: their mean, or the largest value of each channel. */
export type Pooling = 'mean' | 'max';

/** Which windows of a recording are heard, how files are read, and who is told of what was read over. */
export type WindowedOptions = FrontendWindowOptions & ReadAudioOptions & Pick<EmbedOptions, 'warn'>;

export interface WindowEmbeddings {
  /** [W, E] */
  embeddings: NdArray<'float32'>;
  /** When each window was, in seconds of the recording. */
  times: Span[];
}

/**
 * The windows of a recording at the front end's rate, each of which is an input by itself.
 * @throws PengiError as `Frontend.loadWindows`
 */
export async function windowsOf(
  frontend: Frontend,
  input: AudioInput,
  { warn, ...options }: WindowedOptions = {},
): Promise<readonly AudioWindow[]> {
  const isFile = typeof input === 'string';
  const { windows, warnings } = isFile
    ? await frontend.loadWindows(input, options)
    : frontend.windows(input, options);
  for (const warning of warnings) warn?.(isFile ? `${printable(input)}: ${warning}` : warning);
  return windows;
}

export const spanOf = ({ start, end }: Span): Span => ({ start, end });

/**
 * One row [E] of the rows of [W, E].
 * @throws PengiError E_SHAPE for no rows or another rank, E_USAGE for another pooling
 */
export function pooled(embeddings: NdArray, pooling: Pooling): Float32Array {
  const [W, E] = embeddings.shape as [number, number];
  if (embeddings.shape.length !== 2 || W === 0)
    throw new PengiError('E_SHAPE', `embeddings to pool are [W, E] with W >= 1, found [${embeddings.shape}]`);
  if (pooling !== 'mean' && pooling !== 'max')
    throw new PengiError('E_USAGE', `no pooling "${printable(String(pooling), 40)}"`, {
      hint: 'take mean or max',
    });
  const data = embeddings.data as Float32Array;
  const result = new Float64Array(E).fill(pooling === 'max' ? Number.NEGATIVE_INFINITY : 0);
  for (let i = 0; i < W * E; i++) {
    const e = i % E;
    result[e] = pooling === 'max' ? Math.max(result[e]!, data[i]!) : result[e]! + data[i]! / W;
  }
  return Float32Array.from(result);
}

/** The rows of [N, E] as one array, out of rows of E values. */
export function stacked(rows: readonly Float32Array[], width: number): NdArray<'float32'> {
  const data = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) data.set(row, i * width);
  return floats(data, [rows.length, width]);
}

/**
 * A batch of 1, 2, 4 or 8: recordings have any number of windows, and each size of batch would be compiled. What is put in is
 * computed for nothing.
 */
export function filledUp(clips: readonly Float32Array[]): readonly Float32Array[] {
  const size = 2 ** Math.ceil(Math.log2(clips.length));
  return Array.from({ length: size }, (_, i) => clips[Math.min(i, clips.length - 1)]!);
}
