import type { NdArray } from '@pengi/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { HTSAT_RELEASED, type HtsatConfig } from './config.js';
import { htsatMoments } from './model.js';
import { momentProbabilities, momentTimes } from './moments.js';
import type { HtsatParams } from './params.js';
import { bicubicMatrix } from './resize.js';
import { clip, encode, expectNear, numbers, sum, testEngine } from './testing/run.js';
import { logMels, TINY, tinyParams } from './testing/tiny.js';

async function moments(logMel: NdArray, config: HtsatConfig = TINY) {
  const program = (await testEngine()).compile(
    (p: HtsatParams, x: Tensor) => htsatMoments(p, x, config),
    tinyParams(1, config),
  );
  const found = await program.run(logMel);
  await program.dispose();
  return found;
}

describe('moments', () => {
  it('have the latent as their mean', async () => {
    const x = logMels([2, 50, 16]);
    const [found, { latent }] = [await moments(x), await encode(x)];
    expect(found.shape).toEqual([2, 8, 16]);
    for (const b of [0, 1]) {
      const rows = clip(found, b);
      const mean = Array.from({ length: 16 }, (_, c) => sum(rows.filter((_, i) => i % 16 === c)) / 8);
      expectNear(mean, clip(latent, b));
    }
  });

  it('are the means over the bands of the tokens that the head convolves', async () => {
    const x = logMels([1, 64, 16]);
    const tokens = numbers((await encode(x)).probes.norm!); // [4 · 4, 16], row = piece · 2 + band
    const expected = Array.from({ length: 8 * 16 }, (_, i) => {
      const [moment, c] = [Math.floor(i / 16), i % 16];
      const row = Math.floor(moment / 4) * 2;
      const at = (band: number) => tokens[((row + band) * 4 + (moment % 4)) * 16 + c]!;
      return (at(0) + at(1)) / 2;
    });
    expectNear(numbers(await moments(x)), expected);
  });

  it('are refused where crops would be averaged', async () => {
    await expect(moments(logMels([1, 65, 16]))).rejects.toMatchObject({ code: 'E_SHAPE' });
    expect(() => momentTimes(TINY, 65)).toThrow(expect.objectContaining({ code: 'E_SHAPE' }));
  });
});

describe('momentTimes', () => {
  it.each([
    [TINY, 50],
    [TINY, 64],
    [HTSAT_RELEASED, 965],
    [HTSAT_RELEASED, 1001],
  ])('are where the resize puts the frames (%#)', (config, frames) => {
    const { count, first, step } = momentTimes(config, frames);
    const imageFrames = (config.specSize * config.specSize) / config.mels;
    const matrix = bicubicMatrix(frames, imageFrames);
    // A log-mel that counts its frames becomes, away from the edges, an image that tells the time.
    for (const m of [1, 3, count - 2]) {
      const run = imageFrames / count;
      const times = Array.from({ length: run }, (_, i) => {
        const row = m * run + i;
        return sum(Array.from({ length: frames }, (_, t) => matrix[row * frames + t]! * t));
      });
      // To a twentieth of a frame: the cubic kernel (a = -0.75) does not keep straight lines exactly.
      expect(first + m * step).toBeCloseTo(sum(times) / run, 1);
    }
  });

  it('are 32 of 219 ms in seven seconds of the released model', () => {
    const { count, step } = momentTimes(HTSAT_RELEASED, 965);
    expect([count, (step * 320) / 44100]).toEqual([32, expect.closeTo(0.2188, 4)]);
  });
});

describe('momentProbabilities', () => {
  it('are the sigmoids of the head, each once', async () => {
    const { framewise, probes } = await encode(logMels([2, 40, 16]));
    const found = momentProbabilities(framewise, TINY);
    expect(found.shape).toEqual([2, 8, 3]);
    expectNear(
      numbers(found),
      numbers(probes.tscam_conv!).map((x) => 1 / (1 + Math.exp(-x))),
    );
    expect(() => momentProbabilities(found, TINY)).toThrow(expect.objectContaining({ code: 'E_SHAPE' }));
  });
});
