import { describe, expect, it } from 'vitest';
import { RELEASED_FRONTEND } from './config.js';
import { createFrontend } from './frontend.js';
import { failure, largestDifference, signal } from './testing/helpers.js';
import { slidingWindows, type WindowOptions } from './windows.js';

/** Samples that are their own index. */
const counting = (n: number) => signal(n, (i) => i);
const spans = (n: number, rate: number, options: WindowOptions) =>
  slidingWindows(counting(n), rate, options).map(({ start, end, samples }) => {
    expect(samples[0]).toBe(Math.round(start * rate));
    expect(samples.length).toBe(Math.round((end - start) * rate));
    return [start, end];
  });

describe('slidingWindows', () => {
  it.each<[string, number, WindowOptions, number[][]]>([
    ['shorter than a window', 25, { seconds: 7 }, [[0, 2.5]]],
    ['of one window', 70, { seconds: 7 }, [[0, 7]]],
    [
      'of two windows',
      140,
      { seconds: 7 },
      [
        [0, 7],
        [7, 14],
      ],
    ],
    [
      'with a remainder, the last moved back to the end',
      150,
      { seconds: 7 },
      [
        [0, 7],
        [7, 14],
        [8, 15],
      ],
    ],
    [
      'with a remainder, the last as it is left',
      150,
      { seconds: 7, tail: 'rest' },
      [
        [0, 7],
        [7, 14],
        [14, 15],
      ],
    ],
    [
      'overlapping',
      100,
      { seconds: 4, hopSeconds: 2.5 },
      [
        [0, 4],
        [2.5, 6.5],
        [5, 9],
        [6, 10],
      ],
    ],
    [
      'with gaps, of which one is at the end',
      100,
      { seconds: 2, hopSeconds: 4 },
      [
        [0, 2],
        [4, 6],
        [8, 10],
      ],
    ],
    [
      'with gaps, the end in one',
      75,
      { seconds: 2, hopSeconds: 4 },
      [
        [0, 2],
        [4, 6],
      ],
    ],
  ])('cuts a recording %s', (_what, n, options, expected) => {
    expect(spans(n, 10, options)).toEqual(expected);
  });

  it('does not drift with a hop that is no whole number of samples', () => {
    const found = slidingWindows(counting(100_000), 1000, { seconds: 1, hopSeconds: 0.0333333 });
    for (const [k, { start }] of found.slice(0, -1).entries())
      expect(Math.abs(start - k * 0.0333333)).toBeLessThanOrEqual(0.0005);
    expect(found.at(-1)!.end).toBe(100);
  });

  it('shares the memory of the recording', () => {
    const samples = counting(100);
    for (const window of slidingWindows(samples, 10, { seconds: 3 }))
      expect(window.samples.buffer).toBe(samples.buffer);
  });

  it.each([
    [{ seconds: 0 }, 'seconds is 0'],
    [{ seconds: Number.NaN }, 'seconds is NaN'],
    [{ seconds: 1, hopSeconds: -1 }, 'hopSeconds is -1'],
    [{ seconds: 1, hopSeconds: 0.01 }, 'hopSeconds is 0.01'],
    [{ seconds: Number.POSITIVE_INFINITY }, 'seconds is Infinity'],
  ])('refuses %j', async (options, message) => {
    const error = await failure(() => slidingWindows(counting(10), 10, options));
    expect([error.code, error.message]).toEqual(['E_USAGE', expect.stringContaining(message)]);
  });

  it('refuses an empty recording', async () => {
    const error = await failure(() => slidingWindows(counting(0), 10, { seconds: 1 }));
    expect(error.code).toBe('E_AUDIO_EMPTY');
  });
});

describe('the windows of a front end', () => {
  const config = {
    ...RELEASED_FRONTEND,
    sampleRate: 8000,
    durationSeconds: 0.5,
    melSampleRate: 8000,
    fMax: 4000,
  };

  it('are of its duration, at its rate, in the time of the recording', () => {
    const { windows } = createFrontend(config).windows({ samples: counting(32000), sampleRate: 16000 });
    expect(windows.map(({ start, end }) => [start, end])).toEqual([
      [0, 0.5],
      [0.5, 1],
      [1, 1.5],
      [1.5, 2],
    ]);
    for (const { samples, sampleRate } of windows) expect([samples.length, sampleRate]).toEqual([4000, 8000]);
  });

  it('are prepared as recordings of their own: the rest of one is looped', () => {
    const frontend = createFrontend(config);
    const audio = { samples: counting(5000), sampleRate: 8000 };
    const [, rest] = frontend.windows(audio, { tail: 'rest' }).windows;
    const { samples } = frontend.prepare(rest!);
    expect(samples.length).toBe(4000);
    expect(
      largestDifference(
        samples,
        signal(4000, (i) => 4000 + (i % 1000)),
      ),
    ).toBe(0);
  });

  it('are no longer than what is heard at once', async () => {
    const audio = { samples: counting(8000), sampleRate: 8000 };
    const error = await failure(() => createFrontend(config).windows(audio, { seconds: 0.6 }));
    expect([error.code, error.message]).toEqual(['E_USAGE', expect.stringContaining('0.5 s are heard')]);
    expect(createFrontend(config).windows(audio, { seconds: 0.25 }).windows).toHaveLength(4);
  });

  it('need channels with a common time', async () => {
    const channels = [counting(8000), counting(8000)];
    const error = await failure(() =>
      createFrontend({ ...config, channels: 'concatenate' }).windows({ channels, sampleRate: 8000 }),
    );
    expect(error.code).toBe('E_USAGE');
    const { windows } = createFrontend(config).windows({ channels, sampleRate: 8000 });
    expect(windows).toHaveLength(2);
  });
});
