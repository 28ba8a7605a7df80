import { PengiError } from '@pengi/core';
import { mean } from './numbers.js';

/** An event found in frames; times in milliseconds, as HEAR has them. */
export interface FrameEvent {
  readonly label: string;
  readonly start: number;
  readonly end: number;
}

export interface FrameOptions {
  /** The width of the median filter over time, in ms; 0: none. HEAR's default 250. */
  readonly medianFilterMs?: number;
  /** Shorter events are dropped, in ms. HEAR's grid: 125 and 250. */
  readonly minDurationMs?: number;
}

/**
 * Events out of the probabilities of frames, as HEAR's evaluation does it: a median filter over time, active above 0.5, each run of
 * active frames is an event from its first to its last timestamp.
 * @param probabilities [frames, labels]
 * @param timestamps of the frames, in ms, in any order
 * @returns by start; of one start in the order of the labels
 * @throws PengiError E_SHAPE
 */
export function framesToEvents(
  probabilities: readonly ArrayLike<number>[],
  timestamps: readonly number[],
  labels: readonly string[],
  { medianFilterMs = 250, minDurationMs = 0 }: FrameOptions = {},
): FrameEvent[] {
  if (probabilities.length !== timestamps.length || probabilities.some((row) => row.length !== labels.length))
    throw new PengiError(
      'E_SHAPE',
      `${probabilities.length} frames of ${probabilities[0]?.length ?? 0} for ${timestamps.length} timestamps, ${labels.length} labels`,
    );
  const order = timestamps.map((_, i) => i).sort((a, b) => timestamps[a]! - timestamps[b]!);
  const times = order.map((i) => timestamps[i]!);
  const width = filterWidth(times, medianFilterMs);

  const events = labels.flatMap((label, k) => {
    const track = medianFilter(
      order.map((i) => probabilities[i]![k]!),
      width,
    );
    const found: FrameEvent[] = [];
    for (let first = 0; first < track.length; first++) {
      if (!(track[first]! > 0.5)) continue;
      let last = first;
      while (last + 1 < track.length && track[last + 1]! > 0.5) last++;
      const [start, end] = [times[first]!, times[last]!];
      if (end - start >= minDurationMs) found.push({ label, start, end });
      first = last;
    }
    return found;
  });
  return events.sort((a, b) => a.start - b.start);
}

/** How many frames the filter covers: Python's rounding, half to even. */
export function filterWidth(times: readonly number[], medianFilterMs: number): number {
  if (times.length < 2 || medianFilterMs === 0) return 0;
  const frames = medianFilterMs / mean(times.slice(1).map((time, i) => time - times[i]!));
  const below = Math.floor(frames);
  if (frames - below !== 0.5) return Math.round(frames);
  return below % 2 === 0 ? below : below + 1;
}

/**
 * scipy.ndimage.median_filter in mode `reflect` (the edge is repeated). An even width takes the upper of the two middle values, of a
 * window that reaches one further to the left.
 */
export function medianFilter(values: readonly number[], width: number): number[] {
  if (width <= 1) return [...values];
  const n = values.length;
  const half = Math.floor(width / 2);
  return values.map((_, i) => {
    const window = Float64Array.from({ length: width }, (_, w) => values[reflect(i - half + w, n)]!).sort();
    return window[half]!;
  });
}

/** d c b a | a b c d | d c b a */
function reflect(i: number, n: number): number {
  const period = 2 * n;
  const place = ((i % period) + period) % period;
  return place < n ? place : period - 1 - place;
}
