import { type Classifier, createClassifier, trainingSet } from './classifier.js';

/**
 * The label whose training clips' mean is nearest, on standardised features. Its scores are negative squared distances.
 * @throws PengiError as `trainingSet`
 */
export function fitNearestCentroid<Label>(
  features: readonly Float32Array[],
  targets: readonly Label[],
): Classifier<Label> {
  const { labels, classes, matrix, standardise, width } = trainingSet(features, targets);
  const centroids = labels.map((_, k) => {
    const members = classes.flatMap((label, i) => (label === k ? [i] : []));
    const sum = new Float64Array(width);
    for (const i of members) for (let j = 0; j < width; j++) sum[j]! += matrix[i * width + j]!;
    return sum.map((value) => value / members.length);
  });

  return createClassifier(labels, (clips) => {
    const rows = standardise(clips);
    return clips.map((_, i) =>
      centroids.map((centroid) =>
        centroid.reduce((total, mean, j) => total - (rows[i * width + j]! - mean) ** 2, 0),
      ),
    );
  });
}
