import { PengiError } from '@pengi/core';

/** A piece of a recording, which everything that takes samples takes as a recording of its own. */
export interface AudioWindow {
  /** Shares the recording's memory; fewer than a window has where the recording, or what is left of it, is shorter. */
  readonly samples: Float32Array;
  /** Hz */
  readonly sampleRate: number;
  /** Seconds from the beginning of the recording to the window's first sample. */
  readonly start: number;
  /** Seconds to behind its last sample. */
  readonly end: number;
}

/**
 * What is done where the last window would reach beyond the end: it is moved back so that it ends there ('align', which
 * invents no sound, but hears some of it once more), or it has what is left ('rest', which a front end then loops or pads
 * as it does with short recordings).
 */
export type TailMode = 'align' | 'rest';

export interface WindowOptions {
  /** Length of a window in seconds. */
  readonly seconds: number;
  /** From the beginning of one window to that of the next; default `seconds`. A longer hop leaves gaps that no window hears. */
  readonly hopSeconds?: number;
  /** Default 'align'. */
  readonly tail?: TailMode;
}

/**
 * `samples` as windows, in order. Window k begins at the sample nearest to k · hopSeconds, so that no rounding adds up.
 * Every sample is in a window unless the hop leaves gaps. A recording of at most one window's length is one window.
 * @throws PengiError E_AUDIO_EMPTY without samples, E_USAGE for lengths that are not positive or below a sample
 */
export function slidingWindows(
  samples: Float32Array,
  sampleRate: number,
  { seconds, hopSeconds = seconds, tail = 'align' }: WindowOptions,
): AudioWindow[] {
  for (const [name, value] of Object.entries({ seconds, hopSeconds }))
    if (!(Number.isFinite(value) && value * sampleRate >= 1))
      throw new PengiError('E_USAGE', `${name} is ${value}; at least a sample (1/${sampleRate} s) is needed`);
  const n = samples.length;
  if (n === 0) throw new PengiError('E_AUDIO_EMPTY', 'no samples to cut windows from');

  const length = Math.round(seconds * sampleRate);
  const cut = (start: number, end: number): AudioWindow => ({
    samples: samples.subarray(start, end),
    sampleRate,
    start: start / sampleRate,
    end: end / sampleRate,
  });
  const windows: AudioWindow[] = [];
  for (let k = 0; ; k++) {
    const start = Math.round(k * hopSeconds * sampleRate);
    const end = start + length;
    if (end < n) {
      windows.push(cut(start, end));
      continue;
    }
    // What is left begins here; of a hop with gaps that may be nothing.
    if (start < n) windows.push(tail === 'align' ? cut(Math.max(0, n - length), n) : cut(start, n));
    return windows;
  }
}
