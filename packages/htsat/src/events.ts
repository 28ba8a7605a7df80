/** Sound events out of probabilities over time. */
import { type NdArray, PengiError } from '@pengi/core';

/** Seconds. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface SoundEvent extends Span {
  /** Index of the class. */
  readonly class: number;
  /** The largest one during the event. */
  readonly probability: number;
}

export interface EventOptions {
  /** A class is heard where its probability is at least this; default 0.5. */
  readonly threshold?: number;
}

/**
 * The events in probabilities [T', classes] of consecutive spans: a class makes one event of all spans in a row that reach
 * the threshold. In the order of their starts, and of those of one start the most probable first.
 * @throws PengiError E_SHAPE for another number of spans, E_USAGE for a threshold outside of 0 … 1
 */
export function eventsIn(
  probabilities: NdArray,
  spans: readonly Span[],
  { threshold = 0.5 }: EventOptions = {},
): SoundEvent[] {
  const [T = 0, classes = 0] = probabilities.shape;
  if (probabilities.shape.length !== 2 || T !== spans.length)
    throw new PengiError(
      'E_SHAPE',
      `${spans.length} spans need probabilities [${spans.length}, classes], found [${probabilities.shape}]`,
    );
  if (!(threshold >= 0 && threshold <= 1))
    throw new PengiError('E_USAGE', `the threshold is ${threshold}; it is a probability, 0 … 1`);
  const { data } = probabilities;
  const events: SoundEvent[] = [];
  for (let k = 0; k < classes; k++) {
    for (let t = 0; t < T; t++) {
      if (!(data[t * classes + k]! >= threshold)) continue;
      const { start } = spans[t]!;
      let probability = 0;
      let end = start;
      for (; t < T && data[t * classes + k]! >= threshold; t++) {
        probability = Math.max(probability, data[t * classes + k]!);
        end = spans[t]!.end;
      }
      events.push({ class: k, start, end, probability });
    }
  }
  return events.sort((a, b) => a.start - b.start || b.probability - a.probability);
}
