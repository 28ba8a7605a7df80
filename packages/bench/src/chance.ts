import { PengiError } from '@pengi/core';
import type { Json } from './task.js';

/** What a score is without listening. */
export interface Chance {
  /** The expected share of right answers when one of `classes` labels is drawn at random, each as likely. */
  readonly random: number;
  readonly classes: number;
  /** The share of right answers of the best single answer to everything, and that answer. Chosen with hindsight. */
  readonly constant: number;
  readonly constantAnswer: Json;
}

/** The accuracy of drawing one of `labels` at random: 1 / their number. Repeated labels count once. */
export function chance(labels: readonly Json[]): number {
  if (labels.length === 0) throw new PengiError('E_DATA', 'no labels to guess from');
  return 1 / new Set(labels).size;
}

/**
 * Both kinds of guessing for the items at hand. `correct` decides as the task does: guessing "within one semitone" is
 * right more often than one in the number of pitches.
 * @throws PengiError E_DATA without items or labels
 */
export function chanceLevels<Label extends Json>(
  expected: readonly Label[],
  labels: readonly Label[],
  correct: (prediction: Label, expected: Label) => boolean = Object.is,
): Chance {
  const classes = [...new Set(labels)];
  if (classes.length === 0 || expected.length === 0)
    throw new PengiError('E_DATA', `${expected.length} items and ${classes.length} labels to guess from`);
  const shares = classes.map((label) => expected.filter((e) => correct(label, e)).length / expected.length);
  const constant = Math.max(...shares);
  return {
    random: shares.reduce((sum, share) => sum + share, 0) / classes.length,
    classes: classes.length,
    constant,
    constantAnswer: classes[shares.indexOf(constant)] as Label,
  };
}
