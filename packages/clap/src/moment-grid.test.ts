import { CLAP_FEATURE_EXTRACTOR, RELEASED_FRONTEND } from '@pengi/audio-frontend';
import { HTSAT_RELEASED, momentTimes } from '@pengi/htsat';
import { describe, expect, it } from 'vitest';
import { excerpt, momentGrid } from './moment-grid.js';

const RELEASED = { frontend: RELEASED_FRONTEND, audio: HTSAT_RELEASED };
const LAION = { frontend: CLAP_FEATURE_EXTRACTOR, audio: HTSAT_RELEASED };

describe.each([
  ['the released model', RELEASED, 965],
  ['the model of LAION', LAION, 1001],
])('the grid of %s', (_what, config, frames) => {
  const { sampleRate, hopLength } = config.frontend;
  const { first, step, count } = momentTimes(config.audio, frames);
  const seconds = hopLength / sampleRate; // of a frame

  it.each([0.02, 1.07, 7, 7.01, 60, 121.3])(
    'has each moment of %d s once, where its window has it',
    (duration) => {
      const grid = momentGrid(config, frames, Math.round(duration * sampleRate), 0.05);
      const found = new Set<number>();
      for (const { start, first: at, every } of grid.windows)
        for (let i = 0; i < count && at + i * every < grid.times.length; i++) {
          const time = start / sampleRate + (first + i * step) * seconds;
          expect(Math.abs(time - grid.times[at + i * every]!)).toBeLessThanOrEqual(0.5001 / sampleRate);
          found.add(at + i * every);
        }
      expect(found.size).toBe(grid.times.length);
      const windows = Math.ceil(grid.times.length / count);
      expect(grid.windows.length).toBeLessThanOrEqual(windows + 7); // a window is used up, but for the ends of the copies
    },
  );

  it('has the step of the encoder where nobody asks for a shorter one', () => {
    const grid = momentGrid(config, frames, 20 * sampleRate, Number.POSITIVE_INFINITY);
    expect(grid.step).toBeCloseTo(step * seconds, 12);
    expect(grid.times[0]).toBeCloseTo(first * seconds, 12);
    expect(grid.windows.map(({ start }) => start)).toEqual(
      [0, 1, 2].slice(0, grid.windows.length).map((w) => Math.round(w * count * step * seconds * sampleRate)),
    );
  });
});

it('makes steps of 43.8 ms for the released model: five copies', () => {
  const { step, windows } = momentGrid(RELEASED, 965, 7 * 44100, 0.05);
  expect([1000 * step, windows.length]).toEqual([expect.closeTo(43.76, 2), 5]);
});

describe('excerpt', () => {
  const recording = Float32Array.of(1, 2, 3, 4, 5);
  it.each([
    ['loop', -2, 4, [4, 5, 1, 2]],
    ['loop', 3, 9, [4, 5, 1, 2, 3, 4, 5, 1, 2]],
    ['pad', -2, 4, [0, 0, 1, 2]],
    ['pad', 3, 9, [4, 5, 0, 0, 0, 0, 0, 0, 0]],
    ['repeat-pad', 0, 12, [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 0, 0]],
    ['repeat-pad', 4, 4, [5, 0, 0, 0]],
    ['repeat-pad', -1, 12, [0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 0]],
    ['loop', 1, 3, [2, 3, 4]],
  ] as const)('%s from %d on: %d samples', (fit, start, length, expected) => {
    expect([...excerpt(recording, start, length, { fit, peak: null })]).toEqual(expected);
  });

  it('is scaled by itself where the config scales', () => {
    expect([...excerpt(recording, 1, 3, { fit: 'loop', peak: 1 })]).toEqual([0.5, 0.75, 1]);
    expect([...recording]).toEqual([1, 2, 3, 4, 5]);
  });
});
