import { PengiError, type Rng } from '@pengi/core';

/** Samples of one or more channels of equal length, nominally in -1 … 1. */
export interface AudioData {
  readonly channels: readonly Float32Array[];
  /** Hz */
  readonly sampleRate: number;
}

/**
 * How several channels become one: their mean, the channels end to end (what the released code does, by a `reshape`), or
 * the first alone.
 */
export type ChannelPolicy = 'mix' | 'concatenate' | 'left';
export type FitMode = 'loop' | 'pad' | 'repeat-pad';
export type CropMode = 'start' | 'centre' | 'random';

/**
 * One channel out of `audio`. A single channel is returned as it is, not copied.
 * The reference resamples before it concatenates: resample each channel first to match it.
 * @throws PengiError E_AUDIO_EMPTY without channels, E_SHAPE when their lengths differ
 */
export function toMono(audio: Pick<AudioData, 'channels'>, policy: ChannelPolicy = 'mix'): Float32Array {
  const [left, ...others] = audio.channels;
  if (left === undefined) throw new PengiError('E_AUDIO_EMPTY', 'audio without channels');
  if (others.some((channel) => channel.length !== left.length))
    throw new PengiError('E_SHAPE', `channels of ${audio.channels.map((c) => c.length).join(', ')} samples`);
  if (others.length === 0 || policy === 'left') return left;
  return policy === 'mix' ? mean(audio.channels) : concatenate(audio.channels);
}

export interface FitOptions {
  /**
   * What is done with a shorter clip: repeat it (the reference), add zeros behind it, or repeat it as often as it fits as a
   * whole and add zeros behind that (Transformers' `repeatpad`).
   */
  readonly mode?: FitMode;
  /** Which window of a longer clip is taken. 'random' needs `rng`. */
  readonly crop?: CropMode;
  readonly rng?: Rng;
}

/**
 * `samples` made exactly `length` long. A clip of that length is returned as it is; a window shares its memory.
 * 'random' follows the reference's `randrange(n - length)`: the last possible start, n - length, is never drawn.
 * @throws PengiError E_AUDIO_EMPTY without samples, E_USAGE when 'random' has no rng
 */
export function fitToLength(samples: Float32Array, length: number, options: FitOptions = {}): Float32Array {
  const { mode = 'loop', crop = 'start', rng } = options;
  const n = samples.length;
  if (n === 0) throw new PengiError('E_AUDIO_EMPTY', 'no samples to fit to a length');
  if (n > length) {
    const start = cropStart(n - length, crop, rng);
    return samples.subarray(start, start + length);
  }
  if (n === length) return samples;
  const fitted = new Float32Array(length);
  const filled = { loop: length, pad: n, 'repeat-pad': length - (length % n) }[mode];
  for (let at = 0; at < filled; at += n) fitted.set(samples.subarray(0, length - at), at);
  return fitted;
}

function cropStart(spare: number, crop: CropMode, rng: Rng | undefined): number {
  if (crop === 'start') return 0;
  if (crop === 'centre') return Math.floor(spare / 2);
  if (rng === undefined)
    throw new PengiError('E_USAGE', "crop 'random' without an rng", {
      hint: 'pass one (createRng(seed) of @pengi/core), so that the result can be had again',
    });
  return rng.int(spare);
}

/** `samples` from the first one whose magnitude is within `belowPeakDb` of the peak on; all of them when silent. */
export function trimLeadingSilence(samples: Float32Array, belowPeakDb: number): Float32Array {
  const threshold = peakOf(samples) * 10 ** (-belowPeakDb / 20);
  const start = samples.findIndex((sample) => Math.abs(sample) >= threshold);
  return start > 0 ? samples.subarray(start) : samples;
}

/** `samples` scaled so that the largest magnitude is `peak`; silence stays as it is. */
export function scaleToPeak(samples: Float32Array, peak: number): Float32Array {
  const largest = peakOf(samples);
  return largest === 0 || largest === peak ? samples : samples.map((sample) => (sample / largest) * peak);
}

export function peakOf(samples: Float32Array): number {
  let peak = 0;
  for (let i = 0; i < samples.length; i++) {
    const magnitude = Math.abs(samples[i]!);
    if (magnitude > peak) peak = magnitude;
  }
  return peak;
}

function mean(channels: readonly Float32Array[]): Float32Array {
  const sum = new Float64Array(channels[0]?.length ?? 0);
  for (const channel of channels) for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + channel[i]!;
  return Float32Array.from(sum, (total) => total / channels.length);
}

export function concatenate(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
