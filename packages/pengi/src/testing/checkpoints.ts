/** Checkpoints of small models as the released ones are laid out: constants and buffers beside the weights, ties. */
import { type FrontendConfig, melFilterBank, stftKernels } from '@pengi/audio-frontend';
import { floatToBfloat16, floatToHalf } from '@pengi/checkpoint';
import { type PthEntry, writePth } from '@pengi/checkpoint/testing';
import { flatten, type NdArray, type Tree } from '@pengi/core';

export type Arrays = Record<string, NdArray>;

export function arraysOf(params: unknown): Arrays {
  return flatten(params as Tree<NdArray>);
}

/** What torchlibrosa leaves below HTSAT's name: STFT kernels and the mel bank of these settings. */
export function frontendArrays(htsat: string, frontend: FrontendConfig): Arrays {
  const { fftSize, mels, fMin, fMax, melSampleRate } = frontend;
  const { real, imag } = stftKernels(fftSize);
  return {
    [`${htsat}spectrogram_extractor.stft.conv_real.weight`]: real,
    [`${htsat}spectrogram_extractor.stft.conv_imag.weight`]: imag,
    [`${htsat}logmel_extractor.melW`]: melFilterBank({
      sampleRate: melSampleRate,
      fftSize,
      mels,
      fMin,
      fMax,
    }),
  };
}

export type Floats = 'F32' | 'F16' | 'BF16';

export function entryOf({ shape, data }: NdArray, dtype: Floats = 'F32'): PthEntry {
  const values = data as Float32Array;
  const stored = { F32: () => values, F16: () => floatToHalf(values), BF16: () => floatToBfloat16(values) }[
    dtype
  ]();
  return { dtype, shape, bytes: () => new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength) };
}

export interface CheckpointOptions {
  /** What each name begins with. */
  prefix?: string;
  dtype?: Floats;
  /** Entries beside the arrays: ties, integers. */
  more?: Readonly<Record<string, PthEntry>>;
  /** The weights lie at the top, not in `model` beside an optimizer's state. */
  bare?: boolean;
}

/** Writes arrays as `torch.save` would, in `model` beside what a training run keeps. */
export async function writeCheckpoint(
  path: string,
  arrays: Arrays,
  { prefix = '', dtype = 'F32', more = {}, bare = false }: CheckpointOptions = {},
): Promise<void> {
  const entries = [
    ...Object.entries(arrays).map(([name, array]) => [name, entryOf(array, dtype)] as const),
    ...Object.entries(more),
  ];
  const model = Object.fromEntries(entries.map(([name, entry]) => [prefix + name, entry]));
  const moment = { shape: [4], bytes: () => new Uint8Array(16) };
  const training = { epoch: 3, optimizer: { state: { 0: { step: 7, exp_avg: moment } } } };
  await writePth(path, bare ? model : { ...training, model });
}
