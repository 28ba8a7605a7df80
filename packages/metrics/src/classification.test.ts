import { describe, expect, it } from 'vitest';
import { accuracy, confusionMatrix, macroF1 } from './index.js';

/** The metric goldens, m3_classification.json, `multiclass[1]`: scikit-learn 1.9.1; the classes 2 and 6 are never expected. */
const golden = {
  labels: [
    5, 0, 7, 8, 3, 3, 4, 1, 4, 7, 4, 5, 4, 7, 7, 7, 3, 1, 5, 8, 7, 3, 8, 8, 7, 3, 5, 5, 7, 3, 4, 3, 4, 7, 5,
    7, 7, 3, 0, 3,
  ],
  predicted: [
    3, 0, 6, 1, 8, 3, 3, 1, 4, 5, 4, 5, 4, 3, 0, 2, 0, 1, 2, 8, 7, 6, 7, 3, 7, 3, 2, 0, 3, 3, 4, 8, 3, 7, 5,
    1, 7, 3, 2, 1,
  ],
  accuracy: 0.45,
  macroF1: 0.37288591849995356,
  confusion: [
    [1, 0, 1, 0, 0, 0, 0, 0, 0],
    [0, 2, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0],
    [1, 1, 0, 4, 0, 0, 1, 0, 2],
    [0, 0, 0, 2, 4, 0, 0, 0, 0],
    [1, 0, 2, 1, 0, 2, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0],
    [1, 1, 1, 2, 0, 1, 1, 4, 0],
    [0, 1, 0, 1, 0, 0, 0, 1, 1],
  ],
};
const classes = [0, 1, 2, 3, 4, 5, 6, 7, 8];

describe('classification', () => {
  it('gives scikit-learn’s accuracy, confusion matrix and macro F1', () => {
    const { predicted, labels } = golden;
    expect(accuracy(predicted, labels)).toBeCloseTo(golden.accuracy, 12);
    expect(confusionMatrix(predicted, labels, classes).counts).toEqual(
      golden.confusion.map((row) => [...row, 0]),
    );
    expect(macroF1(predicted, labels, classes)).toBeCloseTo(golden.macroF1, 12);
  });

  it('counts an unread answer and a foreign label as wrong, in the last column', () => {
    const expected = ['cello', 'cello', 'flute', 'flute'];
    const predicted = ['cello', null, 'a kazoo', 'flute'];
    expect(accuracy(predicted, expected)).toBe(0.5);
    const matrix = confusionMatrix(predicted, expected, ['cello', 'flute']);
    expect(matrix.counts).toEqual([
      [1, 0, 1],
      [0, 1, 1],
    ]);
    // each class: precision 1, recall 1/2
    expect(macroF1(predicted, expected, ['cello', 'flute'])).toBeCloseTo(2 / 3, 12);
  });

  it('refuses lists that do not belong together, and empty ones', () => {
    expect(() => accuracy(['a'], ['a', 'b'])).toThrow('1 predictions for 2 expected labels');
    expect(() => accuracy([], [])).toThrow('no items');
  });

  it('refuses labels that are repeated or do not cover what is expected', () => {
    expect(() => confusionMatrix(['a'], ['a'], ['a', 'a'])).toThrow('listed twice');
    expect(() => confusionMatrix(['a'], ['b'], ['a'])).toThrow('expected to be "b"');
  });
});
