/**
 * Moments of recordings of any length: an encoder's window gives a few (32 in 7 s), so windows follow each other, and shifted
 * copies of all windows give the moments between.
 */
import { type FrontendConfig, scaleToPeak } from '@pengi/audio-frontend';
import { type HtsatConfig, momentTimes } from '@pengi/htsat';

export interface GridWindow {
  /** The first sample, which may lie before the recording. */
  readonly start: number;
  /** The moment at position i of the window is that of time step `first + i · every`, if there is such a step. */
  readonly first: number;
  readonly every: number;
}

export interface MomentGrid {
  /** The middles of the moments, s: `first + j · step` for as long as the recording lasts. Not rounded. */
  readonly times: Float64Array;
  /** s */
  readonly step: number;
  /** Moments of a window. */
  readonly count: number;
  readonly windows: readonly GridWindow[];
}

/**
 * The moments of a recording of `samples` samples at the front end's rate.
 * @param frames of a window
 * @param longestStep s; as many shifted copies as make the step no longer. Infinity: the encoder's own step.
 * @throws PengiError E_SHAPE where a window has more frames than the encoder's image
 */
export function momentGrid(
  { frontend, audio }: { frontend: FrontendConfig; audio: HtsatConfig },
  frames: number,
  samples: number,
  longestStep: number,
): MomentGrid {
  const { sampleRate, hopLength } = frontend;
  const moments = momentTimes(audio, frames);
  const secondsPerFrame = hopLength / sampleRate;
  const [first, ownStep] = [moments.first * secondsPerFrame, moments.step * secondsPerFrame];
  const copies = Math.max(1, Math.ceil(ownStep / longestStep));
  const step = ownStep / copies;
  // The earliest copy begins so long before the recording that its first moment is less than a step after the beginning.
  const early = copies === 1 ? 0 : Math.floor(first / step);
  const begin = first - early * step;

  const duration = samples / sampleRate;
  const count = Math.max(1, Math.floor((duration - begin) / step) + 1);
  const times = Float64Array.from({ length: count }, (_, j) => Math.min(begin + j * step, duration));
  const windows: GridWindow[] = [];
  for (let w = 0; w * moments.count * copies < count; w++)
    for (let copy = 0; copy < copies; copy++) {
      const at = w * moments.count * copies + copy;
      if (at >= count) break;
      const seconds = (copy - early) * step + w * moments.count * ownStep;
      windows.push({ start: Math.round(seconds * sampleRate), first: at, every: copies });
    }
  return { times, step, count: moments.count, windows };
}

/**
 * `length` samples of a recording from `start` on, with what the front end's config says beyond its ends: the recording
 * again and again, or silence. Nothing is trimmed off, which would move the time.
 */
export function excerpt(
  recording: Float32Array,
  start: number,
  length: number,
  { fit, peak }: Pick<FrontendConfig, 'fit' | 'peak'>,
): Float32Array {
  const n = recording.length;
  if (start >= 0 && start + length <= n) return scaled(recording.subarray(start, start + length), peak);
  const repeats = {
    loop: Number.POSITIVE_INFINITY,
    pad: 1,
    'repeat-pad': Math.max(1, Math.floor(length / n)),
  };
  const [from, to] = [fit === 'loop' ? Number.NEGATIVE_INFINITY : 0, n * repeats[fit]];
  const samples = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    const at = start + i;
    if (at >= from && at < to) samples[i] = recording[((at % n) + n) % n]!;
  }
  return scaled(samples, peak);
}

function scaled(samples: Float32Array, peak: number | null): Float32Array {
  return peak === null ? samples : scaleToPeak(samples, peak);
}
