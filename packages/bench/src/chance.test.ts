import { describe, expect, it } from 'vitest';
import { chance, chanceLevels } from './index.js';

describe('chance', () => {
  it('is one in the number of distinct labels', () => {
    expect(chance(['cello', 'flute', 'harp', 'flute'])).toBeCloseTo(1 / 3, 12);
    expect(() => chance([])).toThrow('no labels');
  });

  it('tells random guessing and the best constant answer', () => {
    // 60 is right for 3 of 4 items
    expect(chanceLevels([60, 60, 62, 60], [59, 60, 61, 62, 63])).toEqual({
      random: 0.2,
      classes: 5,
      constant: 0.75,
      constantAnswer: 60,
    });
  });

  it('judges as the task does', () => {
    // within one semitone: 59 → 3, 60 → 3, 61 → 4, 62 → 1, 63 → 1 of 4 items
    const near = (a: number, b: number) => Math.abs(a - b) <= 1;
    const levels = chanceLevels([60, 60, 62, 60], [59, 60, 61, 62, 63], near);
    expect(levels.random).toBeCloseTo(12 / 20, 12);
    expect(levels).toMatchObject({ constant: 1, constantAnswer: 61 });
  });

  it('counts a label that no item has as never right', () => {
    expect(chanceLevels(['cello'], ['cello', 'flute']).random).toBe(0.5);
  });
});
