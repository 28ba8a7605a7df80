import { PengiError } from '@pengi/core';
import { bestIndex } from '../ranking.js';

/** A fitted baseline. */
export interface Classifier<Label> {
  /** What it can answer, in the order of its scores. */
  readonly labels: readonly Label[];
  /** [clips, labels], larger is better. @throws PengiError E_SHAPE for features of another length */
  scores(features: readonly Float32Array[]): number[][];
  /** The best label of each clip; the first of equals. */
  predict(features: readonly Float32Array[]): Label[];
}

export function createClassifier<Label>(
  labels: readonly Label[],
  scores: (features: readonly Float32Array[]) => number[][],
): Classifier<Label> {
  return {
    labels,
    scores,
    predict: (features) => scores(features).map((row) => labels[bestIndex(row)] as Label),
  };
}

/** Training data as one matrix, and how clips met later are brought to it. */
export interface TrainingSet<Label> {
  /** The distinct labels, in the order in which they are met. */
  readonly labels: readonly Label[];
  /** For each clip the position of its label. */
  readonly classes: readonly number[];
  /** [clips, features], each feature of mean 0 and standard deviation 1, unless it was to be left as it is. */
  readonly matrix: Float64Array;
  readonly width: number;
  standardise(features: readonly Float32Array[]): Float64Array;
}

/**
 * @throws PengiError E_DATA without clips, E_SHAPE when the numbers of features or labels differ, E_NONFINITE for
 * features that are no numbers
 */
export function trainingSet<Label>(
  features: readonly Float32Array[],
  targets: readonly Label[],
  scaled = true,
): TrainingSet<Label> {
  const width = features[0]?.length ?? 0;
  if (width === 0) throw new PengiError('E_DATA', 'no features to fit');
  if (targets.length !== features.length)
    throw new PengiError('E_SHAPE', `${targets.length} labels for ${features.length} clips`);
  const labels = [...new Set(targets)];
  const { means, scales } = spread(asMatrix(features, width), width);

  const standardise = (clips: readonly Float32Array[]) =>
    scaled
      ? asMatrix(clips, width).map((value, i) => (value - means[i % width]!) * scales[i % width]!)
      : asMatrix(clips, width);
  return {
    labels,
    classes: targets.map((label) => labels.indexOf(label)),
    matrix: standardise(features),
    width,
    standardise,
  };
}

function asMatrix(features: readonly Float32Array[], width: number): Float64Array {
  const matrix = new Float64Array(features.length * width);
  features.forEach((row, i) => {
    if (row.length !== width)
      throw new PengiError('E_SHAPE', `clip ${i} has ${row.length} features; ${width} are expected`);
    if (!row.every(Number.isFinite))
      throw new PengiError('E_NONFINITE', `clip ${i} has features that are no numbers`);
    matrix.set(row, i * width);
  });
  return matrix;
}

/**
 * Each feature's mean and 1 / standard deviation. A feature that never varies says nothing; scaled by 0 it cannot disturb
 * when it varies later. That is told by comparing, since rounding may give it a variance.
 */
function spread(matrix: Float64Array, width: number): { means: Float64Array; scales: Float64Array } {
  const rows = matrix.length / width;
  const means = new Float64Array(width);
  const scales = new Float64Array(width);
  for (let j = 0; j < width; j++) {
    const column = Array.from({ length: rows }, (_, i) => matrix[i * width + j] as number);
    const mean = column.reduce((sum, value) => sum + value, 0) / rows;
    const squares = column.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    means[j] = mean;
    scales[j] = column.some((value) => value !== column[0]) ? Math.sqrt(rows / squares) : 0;
  }
  return { means, scales };
}
