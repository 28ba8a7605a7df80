import { floats } from '@pengi/core';
import { createEngine } from '@pengi/jit';
import { keysFrom } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import type { HtsatConfig } from './config.js';
import { cropStarts, htsat, htsatLatent } from './model.js';
import type { HtsatBodyParams, HtsatParams } from './params.js';
import { bicubicMatrix } from './resize.js';
import { clip, encode, expectNear, numbers, ONE_STAGE, sum, testEngine } from './testing/run.js';
import { logMels, TINY, tinyParams } from './testing/tiny.js';

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

describe('the outputs', () => {
  it.each([1, 2, 37, 63, 64])('have their shapes and ranges for %d frames', async (frames) => {
    const { latent, clipwise, framewise } = await encode(logMels([2, frames, 16]));
    expect([latent.shape, clipwise.shape, framewise.shape]).toEqual([
      [2, 16],
      [2, 3],
      [2, 8 * 4 * 2 * 4, 3],
    ]);
    expect(numbers(latent).every(Number.isFinite)).toBe(true);
    for (const probability of [...numbers(clipwise), ...numbers(framewise)])
      if (!(probability > 0 && probability < 1)) expect.fail(`${probability} is no probability`);
  });

  it('of a clip do not depend on its neighbours', async () => {
    const batch = logMels([3, 50, 16]);
    const together = await encode(batch);
    for (let b = 0; b < 3; b++) {
      const alone = await encode(floats(clip(batch, b), [1, 50, 16]));
      expectNear(clip(together.latent, b), numbers(alone.latent), 1e-6);
      expectNear(clip(together.clipwise, b), numbers(alone.clipwise), 1e-6);
      expectNear(clip(together.framewise, b), numbers(alone.framewise), 1e-6);
    }
  });

  it('are the same on another engine', async () => {
    const x = logMels([2, 40, 16]);
    const cpu = (await createEngine('cpu')).compile(
      (p: HtsatParams, x: Tensor) => htsat(p, x, TINY),
      tinyParams(1),
    );
    const [found, expected] = [await encode(x), await cpu.run(x)];
    expectNear(numbers(found.latent), numbers(expected.latent), 1e-5);
    expectNear(numbers(found.framewise), numbers(expected.framewise), 1e-5);
  });
});

describe('the image', () => {
  it('is normalised with the running statistics of bn0', async () => {
    const params = tinyParams(1);
    const { weight, bias, running_mean, running_var } = params.bn0;
    const x = logMels([2, 5, 16]);
    const { probes } = await encode(x);
    const expected = numbers(x).map((value, i) => {
      const m = i % 16;
      const centred = (value - running_mean.data[m]!) / Math.sqrt(running_var.data[m]! + 1e-5);
      return centred * weight.data[m]! + bias.data[m]!;
    });
    expectNear(numbers(probes.bn0!), expected);
  });

  it('has pieces of time above each other, each with its bands from top to bottom', async () => {
    const { probes } = await encode(logMels([2, 64, 16]));
    const [bn0, image] = [probes.bn0!, probes.image!];
    expect(image.shape).toEqual([2, 32, 32]);
    const expected = Array.from({ length: 2 * 32 * 32 }, (_, i) => {
      const [b, row, column] = [Math.floor(i / 1024), Math.floor(i / 32) % 32, i % 32];
      const frame = Math.floor(row / 16) * 32 + column;
      return Number(bn0.data[(b * 64 + frame) * 16 + (row % 16)]);
    });
    expect(numbers(image)).toEqual(expected);
  });

  it.each([1, 2, 33, 63])('is filled by stretching %d frames', async (frames) => {
    const { probes } = await encode(logMels([2, frames, 16]));
    const matrix = bicubicMatrix(frames, 64);
    const expected = Array.from({ length: 2 * 32 * 32 }, (_, i) => {
      const [b, row, column] = [Math.floor(i / 1024), Math.floor(i / 32) % 32, i % 32];
      const target = Math.floor(row / 16) * 32 + column;
      return sum(
        Array.from({ length: frames }, (_, t) => {
          const value = Number(probes.bn0!.data[(b * frames + t) * 16 + (row % 16)]);
          return matrix[target * frames + t]! * value;
        }),
      );
    });
    expectNear(numbers(probes.image!), expected);
  });

  it('gets the embedding of positions where the config has one', async () => {
    const config: HtsatConfig = { ...ONE_STAGE, positionEmbedding: 0.02 };
    const params = tinyParams(1, config);
    const x = logMels([2, 32, 8]);
    const { absolute_pos_embed: embedding, ...others } = params;
    const [learnt, none] = [
      await encode(x, { config, params }),
      await encode(x, { config: ONE_STAGE, params: others }),
    ];
    const twice = [...numbers(embedding!), ...numbers(embedding!)];
    expectNear(
      numbers(learnt.probes.patch_embed!),
      numbers(none.probes.patch_embed!).map((value, i) => value + twice[i]!),
    );
  });
});

describe('the heads', () => {
  it('give the mean of the last tokens as the latent', async () => {
    const { latent, probes } = await encode(logMels([2, 64, 16]));
    const expected = [0, 1].flatMap((b) => {
      const tokens = clip(probes.norm!, b);
      return Array.from({ length: 16 }, (_, c) => sum(tokens.filter((_, i) => i % 16 === c)) / 16);
    });
    expectNear(numbers(latent), expected);
  });

  it('convolve the tokens of neighbouring moments, across the pieces of time', async () => {
    const params = tinyParams(1);
    const { probes } = await encode(logMels([1, 64, 16]), { params });
    const tokens = numbers(probes.norm!); // [4 · 4, 16], row = piece · 2 + band
    const { weight, bias } = params.tscam_conv; // [3, 16, 2, 3]
    const expected = Array.from({ length: 8 }, (_, moment) =>
      Array.from({ length: 3 }, (_, k) => {
        let logit = bias.data[k]!;
        for (let j = 0; j < 3; j++) {
          const at = moment + j - 1;
          if (at < 0 || at >= 8) continue;
          for (let f = 0; f < 2; f++)
            for (let c = 0; c < 16; c++) {
              const token = (Math.floor(at / 4) * 2 + f) * 4 + (at % 4);
              logit += weight.data[((k * 16 + c) * 2 + f) * 3 + j]! * tokens[token * 16 + c]!;
            }
        }
        return logit;
      }),
    );
    expectNear(numbers(probes.tscam_conv!), expected.flat());
  });

  it('give probabilities of the clip and, constant for 8 patches each, of every moment', async () => {
    const { clipwise, framewise, probes } = await encode(logMels([2, 64, 16]));
    const logits = probes.tscam_conv!; // [2, 8, 3]
    const at = (b: number, moment: number, k: number) => Number(logits.data[(b * 8 + moment) * 3 + k]);
    const classes = [0, 1, 2];
    const moments = [0, 1, 2, 3, 4, 5, 6, 7];
    expectNear(
      numbers(clipwise),
      [0, 1].flatMap((b) => classes.map((k) => sigmoid(sum(moments.map((m) => at(b, m, k))) / 8))),
    );
    expectNear(
      numbers(framewise),
      Array.from({ length: 2 * 256 * 3 }, (_, i) =>
        sigmoid(at(Math.floor(i / 768), Math.floor(i / 96) % 8, i % 3)),
      ),
    );
  });
});

describe('inputs longer than the image', () => {
  /** 1024 frames as in the reference, of few and small images. */
  const LONG: HtsatConfig = {
    ...TINY,
    specSize: 64,
    mels: 4,
    depths: [2],
    heads: [2],
    embedDim: 4,
    windowSize: 8,
  };

  it.each([
    [1025, [0]],
    [1034, [0]],
    [1035, [0, 344]],
    [1251, [0, 344]], // golden g2-htsat-slim_crops
    [1516, [0, 344, 688]], // golden g2-htsat-full
  ])('of %d frames are cropped at %j', (frames, starts) => {
    expect(cropStarts(frames)).toEqual(starts);
  });

  it('get the mean of what their crops of 689 frames get', async () => {
    const params = tinyParams(6, LONG);
    const x = logMels([2, 1400, 4]);
    const whole = await encode(x, { config: LONG, params });
    const crops = await Promise.all(
      [0, 344, 688].map((start) => {
        const data = [0, 1].flatMap((b) => clip(x, b).slice(start * 4, (start + 689) * 4));
        return encode(floats(data, [2, 689, 4]), { config: LONG, params });
      }),
    );
    for (const output of ['latent', 'clipwise', 'framewise'] as const) {
      const all = crops.map((crop) => numbers(crop[output]));
      expectNear(
        numbers(whole[output]),
        all[0]!.map((_, i) => sum(all.map((values) => values[i]!)) / 3),
      );
    }
  });

  it('give their latent alone as well, without the weights of the heads', async () => {
    const { tscam_conv: _conv, head: _head, ...body } = tinyParams(6, LONG);
    const x = logMels([2, 1400, 4]);
    const program = (await testEngine()).compile(
      (p: HtsatBodyParams, logMel: Tensor) => ({ latent: htsatLatent(p, logMel, LONG) }),
      body,
    );
    const [found, expected] = [
      await program.run(x),
      await encode(x, { config: LONG, params: tinyParams(6, LONG) }),
    ];
    expectNear(numbers(found.latent), numbers(expected.latent), 1e-6);
    await program.dispose();
  });

  it('are cropped from one frame more than fits on', async () => {
    const params = tinyParams(6, LONG);
    const x = logMels([1, 1025, 4]);
    const first = floats(numbers(x).slice(0, 689 * 4), [1, 689, 4]);
    const [whole, crop] = [
      await encode(x, { config: LONG, params }),
      await encode(first, { config: LONG, params }),
    ];
    expectNear(numbers(whole.latent), numbers(crop.latent));
    const fitting = await encode(floats(numbers(x).slice(4), [1, 1024, 4]), { config: LONG, params });
    expect(fitting.latent.shape).toEqual([1, 4]);
  });

  it('are refused in training', async () => {
    const options = () => ({ keys: keysFrom(tf.tensor1d([1], 'int32')) });
    await expect(encode(logMels([1, 1025, 4]), { config: LONG, options })).rejects.toMatchObject({
      code: 'E_SHAPE',
      message: 'training takes at most 1024 frames, found 1025',
      hint: 'crop the recordings',
    });
  });

  it.each([65, 700, 1400])('are refused where a crop does not fit into the image: %d', async (frames) => {
    await expect(encode(logMels([1, frames, 16]))).rejects.toMatchObject({
      code: 'E_SHAPE',
      message: `this config takes at most 64 frames, found ${frames}`,
    });
  });
});

describe('inputs of another shape', () => {
  it.each([[[1, 40, 15]], [[1, 40, 1]], [[40, 16]], [[1, 0, 16]]])('are refused: %j', async (shape) => {
    await expect(encode(logMels(shape))).rejects.toMatchObject({
      code: 'E_SHAPE',
      message: `HTSAT takes log-mels [B, T, 16] with T >= 1, found [${shape.join(', ')}]`,
    });
  });
});
