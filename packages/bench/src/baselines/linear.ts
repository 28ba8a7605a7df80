import { type Classifier, createClassifier, type TrainingSet, trainingSet } from './classifier.js';
import { minimize } from './minimize.js';

export interface LinearOptions {
  /** Weight of the penalty ½ · |weights|² against the sum of the clips' cross-entropies. Default 1. */
  readonly l2?: number;
  /** Default 200. */
  readonly maxSteps?: number;
  /** Of the gradient of the mean cross-entropy. Default 3e-4: beyond it the predictions on real notes do not change. */
  readonly tolerance?: number;
  /** Whether features are brought to mean 0 and standard deviation 1. Default true; false suits embeddings of one scale. */
  readonly standardise?: boolean;
}

/**
 * Multinomial logistic regression, on standardised features unless told otherwise, by full-batch L-BFGS from zero: what scikit-learn's
 * `make_pipeline(StandardScaler(), LogisticRegression(C=1 / l2))` fits. Deterministic.
 * @param features of the training clips, such as `logMelStatistics`
 * @throws PengiError as `trainingSet`
 */
export function fitLinear<Label>(
  features: readonly Float32Array[],
  targets: readonly Label[],
  { l2 = 1, maxSteps = 200, tolerance = 3e-4, standardise: scaled = true }: LinearOptions = {},
): Classifier<Label> {
  const training = trainingSet(features, targets, scaled);
  const { labels, standardise, width } = training;
  const weights = new Float64Array(labels.length * (width + 1));
  minimize(crossEntropy(training, l2), weights, { maxSteps, tolerance });

  return createClassifier(labels, (clips) => {
    const scores = logits(withOnes(standardise(clips), width), weights, labels.length, width + 1);
    return clips.map((_, i) => Array.from(scores.subarray(i * labels.length, (i + 1) * labels.length)));
  });
}

/** The penalised mean cross-entropy as a function of the weights [labels, width + 1], whose last column is the bias. */
function crossEntropy<Label>({ labels, classes, matrix, width }: TrainingSet<Label>, l2: number) {
  const inputs = withOnes(matrix, width);
  const columns = width + 1;
  const count = classes.length;

  return (weights: Float64Array, gradient: Float64Array): number => {
    const residuals = logits(inputs, weights, labels.length, columns);
    let loss = softmaxResiduals(residuals, classes, labels.length);
    accumulate(inputs, residuals, gradient, labels.length, columns);
    for (let i = 0; i < weights.length; i++) {
      const penalised = i % columns === width ? 0 : (weights[i] as number);
      loss += 0.5 * l2 * penalised * penalised;
      gradient[i] = ((gradient[i] as number) + l2 * penalised) / count;
    }
    return loss / count;
  };
}

/** Replaces each row of logits by softmax - one-hot, and returns the summed cross-entropy. */
function softmaxResiduals(rows: Float64Array, classes: readonly number[], labels: number): number {
  let loss = 0;
  classes.forEach((expected, i) => {
    const row = rows.subarray(i * labels, (i + 1) * labels);
    const peak = row.reduce((most, value) => Math.max(most, value));
    const chosen = (row[expected] as number) - peak;
    let sum = 0;
    for (let k = 0; k < labels; k++) {
      row[k] = Math.exp((row[k] as number) - peak);
      sum += row[k] as number;
    }
    for (let k = 0; k < labels; k++) row[k] = (row[k] as number) / sum;
    row[expected]! -= 1;
    loss += Math.log(sum) - chosen;
  });
  return loss;
}

/**
 * inputs [n, columns] · weights [labels, columns]ᵀ. Four clips at a time, so that each weight is fetched once for them;
 * `withOnes` makes n a multiple of four.
 */
function logits(inputs: Float64Array, weights: Float64Array, labels: number, columns: number): Float64Array {
  const rows = inputs.length / columns;
  const out = new Float64Array(rows * labels);
  for (let i = 0; i < rows; i += 4) {
    const [a, b, c, d] = fourRows(inputs, i, columns);
    for (let k = 0; k < labels; k++) {
      const weight = weights.subarray(k * columns, (k + 1) * columns);
      let [sumA, sumB, sumC, sumD] = [0, 0, 0, 0];
      for (let j = 0; j < columns; j++) {
        const w = weight[j] as number;
        sumA += w * (a[j] as number);
        sumB += w * (b[j] as number);
        sumC += w * (c[j] as number);
        sumD += w * (d[j] as number);
      }
      out[i * labels + k] = sumA;
      out[(i + 1) * labels + k] = sumB;
      out[(i + 2) * labels + k] = sumC;
      out[(i + 3) * labels + k] = sumD;
    }
  }
  return out;
}

/** gradient [labels, columns] = residuals [n, labels]ᵀ · inputs [n, columns] */
function accumulate(
  inputs: Float64Array,
  residuals: Float64Array,
  gradient: Float64Array,
  labels: number,
  columns: number,
): void {
  const rows = inputs.length / columns;
  gradient.fill(0);
  for (let i = 0; i < rows; i += 4) {
    const [a, b, c, d] = fourRows(inputs, i, columns);
    const [rowA, rowB, rowC, rowD] = fourRows(residuals, i, labels);
    for (let k = 0; k < labels; k++) {
      const out = gradient.subarray(k * columns, (k + 1) * columns);
      const [ra, rb] = [rowA[k] as number, rowB[k] as number];
      const [rc, rd] = [rowC[k] as number, rowD[k] as number];
      for (let j = 0; j < columns; j++)
        out[j] =
          (out[j] as number) +
          ra * (a[j] as number) +
          rb * (b[j] as number) +
          rc * (c[j] as number) +
          rd * (d[j] as number);
    }
  }
}

type FourRows = [Float64Array, Float64Array, Float64Array, Float64Array];

function fourRows(matrix: Float64Array, i: number, columns: number): FourRows {
  const row = (r: number) => matrix.subarray((i + r) * columns, (i + r + 1) * columns);
  return [row(0), row(1), row(2), row(3)];
}

/**
 * [n, width] with a column of ones behind, for the bias. Rows of zeros fill n up to a multiple of four: their logits and
 * residuals stay 0, so that they change nothing.
 */
function withOnes(matrix: Float64Array, width: number): Float64Array {
  const rows = matrix.length / width;
  const out = new Float64Array(4 * Math.ceil(rows / 4) * (width + 1));
  for (let i = 0; i < rows; i++) {
    out.set(matrix.subarray(i * width, (i + 1) * width), i * (width + 1));
    out[i * (width + 1) + width] = 1;
  }
  return out;
}
