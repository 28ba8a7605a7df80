import { describe, expect, it } from 'vitest';
import { fitLinear, fitNearestCentroid, logMelStatistics, majorityBaseline } from '../index.js';
import { minimize } from './minimize.js';

describe('logMelStatistics', () => {
  it('gives mean, standard deviation and mean absolute difference of each band', () => {
    // band 0: 1, 3, 8; band 1: 5, 5, 5
    const data = Float32Array.of(1, 5, 3, 5, 8, 5);
    const statistics = logMelStatistics({ data, frames: 3, mels: 2 });
    const expected = [4, 5, Math.sqrt(26 / 3), 0, 3.5, 0];
    expected.forEach((value, i) => {
      expect(statistics[i]).toBeCloseTo(value, 5);
    });
    expect(statistics).toHaveLength(6);
  });

  it('takes a single frame, and refuses data of another size', () => {
    expect([...logMelStatistics({ data: Float32Array.of(2), frames: 1, mels: 1 })]).toEqual([2, 0, 0]);
    const clip = { data: new Float32Array(5), frames: 3, mels: 2 };
    expect(() => logMelStatistics(clip)).toThrow('5 values are no log-mel of 3 frames x 2 mels');
  });
});

/** Features by a formula, three labels in turn; what scikit-learn 1.9.1 makes of them stands in the tests. */
const labels = ['cello', 'flute', 'harp'] as const;
const training = Array.from({ length: 30 }, (_, i) =>
  Float32Array.from({ length: 4 }, (_, j) => ((i * 7 + j * 3 + i * j) % 11) + (2 + j) * (i % 3)),
);
const targets = training.map((_, i) => labels[(i % 3) as 0 | 1 | 2]);
const clips = [
  [3, 9, 4, 1],
  [8, 2, 12, 5],
  [6, 6, 6, 14],
].map((row) => Float32Array.from(row));

describe('fitLinear', () => {
  it.each([
    [
      1,
      [
        [0.9229733360180602, 0.076248476183356, 0.0007781877985837494],
        [0.6037932821780246, 0.36481803585560935, 0.03138868196636616],
        [0.14800235196324227, 0.6939883948285945, 0.1580092532081632],
      ],
    ],
    [
      20,
      [
        [0.6079172478412734, 0.28877270180175296, 0.10331005035697363],
        [0.4452895040367144, 0.3443374612945091, 0.21037303466877652],
        [0.3223384180531924, 0.39180267010266606, 0.28585891184414153],
      ],
    ],
  ])('gives scikit-learn’s probabilities for l2 = %d', (l2, expected) => {
    const model = fitLinear(training, targets, { l2, tolerance: 1e-9, maxSteps: 1000 });
    expect(model.labels).toEqual(labels);
    const probabilities = model.scores(clips).map(softmax);
    expected.flat().forEach((probability, i) => {
      expect(Math.abs((probabilities.flat()[i] ?? 0) - probability)).toBeLessThan(1e-7);
    });
  });

  it('predicts scikit-learn’s labels with its default settings', () => {
    expect(fitLinear(training, targets).predict(clips)).toEqual(['cello', 'cello', 'flute']);
  });

  it('is deterministic, and takes any number of clips', () => {
    const first = fitLinear(training, targets).scores(training);
    expect(fitLinear(training, targets).scores(training)).toEqual(first);
    for (const count of [1, 2, 3, 5])
      expect(fitLinear(training, targets).scores(training.slice(0, count))).toEqual(first.slice(0, count));
  });

  it('passes over a feature that never varied in training', () => {
    const padded = training.map((row) => Float32Array.of(...row, 3));
    const model = fitLinear(padded, targets);
    const [a, b] = [0, 1e6].map((last) => model.scores([Float32Array.of(3, 9, 4, 1, last)]));
    expect(a).toEqual(b);
  });

  it('refuses features and labels that do not fit', () => {
    expect(() => fitLinear([], [])).toThrow('no features to fit');
    expect(() => fitLinear(training, ['cello'])).toThrow('1 labels for 30 clips');
    const ragged = [Float32Array.of(1, 2), Float32Array.of(1)];
    expect(() => fitLinear(ragged, ['a', 'b'])).toThrow('clip 1 has 1 features; 2 are expected');
    expect(() => fitLinear([Float32Array.of(Number.NaN)], ['a'])).toThrow('features that are no numbers');
    expect(() => fitLinear(training, targets).predict([Float32Array.of(1)])).toThrow('4 are expected');
  });
});

describe('fitNearestCentroid', () => {
  it('predicts what scikit-learn’s NearestCentroid does behind a StandardScaler', () => {
    const model = fitNearestCentroid(training, targets);
    expect(model.predict(clips)).toEqual(['cello', 'cello', 'flute']);
    const wrong = model
      .predict(training)
      .flatMap((label, i) => (label === targets[i] ? [] : [`${i} ${label}`]));
    expect(wrong).toEqual(['7 cello', '8 flute', '10 harp', '19 cello', '21 flute']);
  });
});

describe('majorityBaseline', () => {
  it('always answers the most frequent label, the first met of equals', () => {
    expect(majorityBaseline(['a', 'b', 'b', 'a', 'c']).predict(clips)).toEqual(['a', 'a', 'a']);
    expect(majorityBaseline([60, 61, 61]).predict(clips.slice(1))).toEqual([61, 61]);
    expect(majorityBaseline(['a', 'b', 'b', 'b']).scores(clips.slice(2))).toEqual([[0.25, 0.75]]);
    expect(() => majorityBaseline([])).toThrow('no labels');
  });
});

describe('minimize', () => {
  it('finds the minimum of a badly scaled quadratic function in few evaluations', () => {
    const scales = [1, 3, 10, 30, 100, 300, 1000, 1e4];
    const centre = [3, -2, 0.5, 1, 4, -1, 2, 6];
    const x = new Float64Array(8);
    let evaluations = 0;
    minimize(
      (point, gradient) => {
        evaluations++;
        return scales.reduce((value, scale, i) => {
          const offset = (point[i] ?? 0) - (centre[i] ?? 0);
          gradient[i] = scale * offset;
          return value + 0.5 * scale * offset * offset;
        }, 0);
      },
      x,
      { maxSteps: 1000, tolerance: 1e-9 },
    );
    centre.forEach((value, i) => {
      expect(Math.abs((x[i] ?? 0) - value)).toBeLessThan(1e-8);
    });
    expect(evaluations).toBeLessThan(200); // scipy's L-BFGS-B takes 96, steepest descent some 10,000
  });

  it('stays where it is when the gradient is small enough already', () => {
    const x = Float64Array.of(1e-5);
    minimize(
      (point, gradient) => {
        gradient[0] = point[0] ?? 0;
        return (point[0] ?? 0) ** 2 / 2;
      },
      x,
      { maxSteps: 100, tolerance: 1e-4 },
    );
    expect(x[0]).toBe(1e-5);
  });
});

function softmax(logits: readonly number[]): number[] {
  const exponentials = logits.map((value) => Math.exp(value - Math.max(...logits)));
  return exponentials.map((value) => value / exponentials.reduce((sum, other) => sum + other, 0));
}
