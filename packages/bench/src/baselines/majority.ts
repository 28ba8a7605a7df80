import { PengiError } from '@pengi/core';
import { type Classifier, createClassifier } from './classifier.js';

/**
 * Answers the most frequent training label whatever it hears, the first met of equals. Its scores are the labels' shares.
 * @throws PengiError E_DATA without labels
 */
export function majorityBaseline<Label>(targets: readonly Label[]): Classifier<Label> {
  if (targets.length === 0) throw new PengiError('E_DATA', 'no labels to count');
  const labels = [...new Set(targets)];
  const shares = labels.map((label) => targets.filter((target) => target === label).length / targets.length);
  return createClassifier(labels, (clips) => clips.map(() => [...shares]));
}
