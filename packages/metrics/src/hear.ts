import { PengiError } from '@pengi/core';
import { meanAveragePrecision, meanDPrime, meanRocAuc, refuseTables, type Target } from './detection.js';
import { type EventPair, eventScores, segmentScores } from './events.js';
import { mean } from './numbers.js';
import { argmax } from './ranking.js';

/** The scores of HEAR 2021's evaluation by its own names. `better` says which way is up. */
export const HEAR_SCORES = {
  top1_acc: { of: 'scene', better: 'higher' },
  pitch_acc: { of: 'scene', better: 'higher' },
  chroma_acc: { of: 'scene', better: 'higher' },
  mAP: { of: 'scene', better: 'higher' },
  d_prime: { of: 'scene', better: 'higher' },
  aucroc: { of: 'scene', better: 'higher' },
  event_onset_200ms_fms: { of: 'events', better: 'higher' },
  event_onset_50ms_fms: { of: 'events', better: 'higher' },
  event_onset_offset_50ms_20perc_fms: { of: 'events', better: 'higher' },
  segment_1s_er: { of: 'events', better: 'lower' },
} as const satisfies Record<string, { of: 'scene' | 'events'; better: 'higher' | 'lower' }>;

export type HearScore = keyof typeof HEAR_SCORES;

/**
 * A score of one prediction per recording. As in HEAR's kit: the first of equal classes wins, chroma is the class's index modulo
 * 12 (not the MIDI number's), a class without positives counts as 0 in mAP, and d' and AUC are NaN with a class of one kind of target.
 * @param predictions [recordings, labels]
 * @param targets [recordings, labels], one-hot for the accuracies
 * @throws PengiError E_USAGE for a score of events, E_SHAPE, E_DATA
 */
export function hearSceneScore(
  name: HearScore,
  predictions: readonly ArrayLike<number>[],
  targets: readonly ArrayLike<Target>[],
): number {
  refuseTables(predictions, targets);
  const agreement = (modulus: number) =>
    mean(
      predictions.map((row, i) =>
        argmax(row) % modulus === argmax(Array.from(targets[i]!, Number)) % modulus ? 1 : 0,
      ),
    );
  switch (name) {
    case 'top1_acc':
    case 'pitch_acc':
      return agreement(Number.POSITIVE_INFINITY);
    case 'chroma_acc':
      return agreement(12);
    case 'mAP':
      return meanAveragePrecision(predictions, targets).absentAsZero;
    case 'd_prime':
      return mean(meanDPrime(predictions, targets).perClass);
    case 'aucroc':
      return mean(meanRocAuc(predictions, targets).perClass);
    default:
      throw new PengiError('E_USAGE', `${name} is no score of whole recordings`);
  }
}

/**
 * A score of events with times, as HEAR's kit takes it from sed_eval: the overall F-score, or the overall error rate.
 * @param labels the vocabulary
 * @throws PengiError E_USAGE for a score of scenes, E_DATA
 */
export function hearEventScore(
  name: HearScore,
  recordings: readonly EventPair[],
  labels: readonly string[],
): number {
  switch (name) {
    case 'event_onset_200ms_fms':
      return eventScores(recordings, labels, { collar: 0.2 }).overall.f1;
    case 'event_onset_50ms_fms':
      return eventScores(recordings, labels, { collar: 0.05 }).overall.f1;
    case 'event_onset_offset_50ms_20perc_fms':
      return eventScores(recordings, labels, { collar: 0.05, offsetShare: 0.2 }).overall.f1;
    case 'segment_1s_er':
      return segmentScores(recordings, labels, 1).overall.errorRate;
    default:
      throw new PengiError('E_USAGE', `${name} is no score of events`);
  }
}

export interface HearFold {
  readonly test: string;
  readonly valid: string;
  readonly train: readonly string[];
}

/** HEAR's rule for k folds, by name: fold i tests, the next validates, the rest trains. */
export function hearFolds(names: readonly string[]): HearFold[] {
  if (names.length < 3) throw new PengiError('E_DATA', `${names.length} folds; at least 3 are needed`);
  const sorted = [...names].sort();
  return sorted.map((test, i) => {
    const valid = sorted[(i + 1) % sorted.length]!;
    return { test, valid, train: sorted.filter((name) => name !== test && name !== valid) };
  });
}
