import { PengiError } from '@pengi/core';
import { argmax } from './ranking.js';

/** A vector shorter than this counts as having this length: zeros are similar to nothing, and nothing is NaN. */
const EPSILON = 1e-8;

/**
 * Cosines of all pairs: [a.length, b.length], float64.
 * @throws PengiError E_SHAPE for vectors of different sizes
 */
export function cosineSimilarities(
  a: readonly ArrayLike<number>[],
  b: readonly ArrayLike<number>[],
): Float64Array[] {
  const [left, right] = [a.map(normalize), b.map(normalize)];
  return left.map((x) => Float64Array.from(right, (y) => dot(x, y)));
}

/**
 * The class whose embedding is most similar to each text's: how a free answer becomes a label. The first of equals; class 0 for
 * a text of zeros.
 * @throws PengiError E_SHAPE, E_DATA without classes
 */
export function matchClasses(
  texts: readonly ArrayLike<number>[],
  classes: readonly ArrayLike<number>[],
): number[] {
  if (classes.length === 0) throw new PengiError('E_DATA', 'no classes to match');
  return cosineSimilarities(texts, classes).map(argmax);
}

/**
 * One embedding for a class with several wordings: each is normalised, then their mean.
 * @throws PengiError E_DATA without wordings, E_SHAPE for different sizes
 */
export function averageEmbedding(wordings: readonly ArrayLike<number>[]): Float64Array {
  if (wordings.length === 0) throw new PengiError('E_DATA', 'no embeddings to average');
  const total = new Float64Array(wordings[0]!.length);
  for (const unit of wordings.map(normalize)) {
    if (unit.length !== total.length)
      throw new PengiError('E_SHAPE', `embeddings of ${total.length} and ${unit.length} numbers`);
    for (let i = 0; i < unit.length; i++) total[i]! += unit[i]! / wordings.length;
  }
  return normalize(total);
}

function normalize(vector: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(vector);
  const length = Math.max(EPSILON, Math.sqrt(dot(values, values)));
  return values.map((value) => value / length);
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length)
    throw new PengiError('E_SHAPE', `vectors of ${a.length} and ${b.length} numbers`);
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}
