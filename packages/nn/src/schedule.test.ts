import { describe, expect, it } from 'vitest';
import { cosineWarmupDecay, linearWarmupDecay } from './schedule.js';

describe('schedules', () => {
  it('warms up and decays linearly as in transformers', () => {
    const schedule = linearWarmupDecay({ learningRate: 1e-4, warmupSteps: 2000, totalSteps: 20_000 });
    // golden g7-schedule
    expect([0, 1, 1000, 2000, 11_000, 20_005].map(schedule)).toEqual(
      [0, 5e-8, 5e-5, 1e-4, 5e-5, 0].map((x) => expect.closeTo(x, 18)),
    );
  });

  it('cosine ends at the floor', () => {
    const schedule = cosineWarmupDecay({ learningRate: 1, warmupSteps: 10, totalSteps: 110, floor: 0.02 });
    expect(schedule(9)).toBe(1);
    expect(schedule(60)).toBeCloseTo(0.51, 10);
    expect(schedule(110)).toBeCloseTo(0.02, 10);
  });
});
