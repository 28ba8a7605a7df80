import { createRng, flatten, floats, mapTree, type NdArray } from '@pengi/core';
import { keysFrom, valueAndGrad } from '@pengi/nn';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import type { HtsatConfig } from './config.js';
import { type HtsatOptions, htsat } from './model.js';
import type { HtsatParams } from './params.js';
import { clip, encode, expectNear, numbers, ONE_STAGE, sum, testEngine } from './testing/run.js';
import { logMels, randomArray, TINY, type TinyParams, tinyParams } from './testing/tiny.js';

describe('training', () => {
  const x = logMels([4, 60, 16]);
  const withSeeds = (seeds: number[], more: HtsatOptions = {}) => ({
    options: () => ({ ...more, keys: keysFrom(tf.tensor1d(seeds, 'int32')) }),
  });

  it('is deterministic by seed, clip by clip', async () => {
    const first = await encode(x, withSeeds([1, 2, 3, 4]));
    expect(numbers((await encode(x, withSeeds([1, 2, 3, 4]))).latent)).toEqual(numbers(first.latent));
    const second = await encode(x, withSeeds([1, 2, 9, 4]));
    for (const b of [0, 1, 3]) expect(clip(second.latent, b)).toEqual(clip(first.latent, b));
    expect(clip(second.latent, 2)).not.toEqual(clip(first.latent, 2));
  });

  it('applies SpecAugment to what bn0 gives unless told not to', async () => {
    const zeros = (image: NdArray) => numbers(image).filter((value) => value === 0).length;
    const full = logMels([4, 64, 16]);
    expect(zeros((await encode(full, withSeeds([1, 2, 3, 4]))).probes.image!)).toBeGreaterThan(100);
    const without = await encode(full, withSeeds([1, 2, 3, 4], { specAugment: false }));
    expect(numbers(without.probes.image!)).toEqual(numbers((await encode(full)).probes.image!));
  });

  it('without keys changes nothing', async () => {
    const plain = await encode(x, { config: { ...TINY, dropPath: 0 } });
    const rated = await encode(x, {
      config: { ...TINY, dropPath: 0.9 },
      options: () => ({ specAugment: true }),
    });
    expect(numbers(rated.latent)).toEqual(numbers(plain.latent));
  });

  it('drops a whole residual of a clip or scales it, ever more often from block to block', async () => {
    // Only the attention of one block is left, so what a stage adds is its residual.
    const CLIPS = 400;
    const config: HtsatConfig = { ...ONE_STAGE, depths: [3], dropPath: 0.6 };
    const batch = logMels([CLIPS, 32, 8]);
    const seeds = Array.from({ length: CLIPS }, (_, b) => b);
    for (const [block, rate] of [0, 0.3, 0.6].entries()) {
      const others = [0, 1, 2].filter((i) => i !== block).join('');
      const silent = new RegExp(`mlp\\.fc2|blocks\\.[${others}]\\.attn\\.proj`);
      const params = tinyParams(8, config, silent);
      const plain = await encode(batch, { config, params });
      const trained = await encode(batch, { config, params, ...withSeeds(seeds, { specAugment: false }) });
      let dropped = 0;
      for (let b = 0; b < CLIPS; b++) {
        const start = clip(plain.probes.patch_embed!, b);
        const full = clip(plain.probes.stage0!, b).map((value, i) => value - start[i]!);
        const found = clip(trained.probes.stage0!, b).map((value, i) => value - start[i]!);
        const isDropped = found.every((value) => value === 0);
        if (isDropped) dropped++;
        else
          expectNear(
            found,
            full.map((value) => value / (1 - rate)),
          );
      }
      // Four standard deviations.
      expect(Math.abs(dropped - rate * CLIPS)).toBeLessThanOrEqual(4 * Math.sqrt(CLIPS * rate * (1 - rate)));
    }
  });

  it('mixes clips as if their log-mels were mixed', async () => {
    const share = [0.3, 0.3, 0.5, 1];
    const mixed = Array.from({ length: 4 }, (_, b) => {
      const [own, other] = [clip(x, b), clip(x, [1, 0, 3, 2][b]!)];
      return own.map((value, i) => share[b]! * value + (1 - share[b]!) * other[i]!);
    });
    const found = await encode(x, { options: () => ({ mixUp: tf.tensor1d(share) }) });
    const expected = await encode(floats(mixed.flat(), x.shape));
    expectNear(numbers(found.latent), numbers(expected.latent));
  });
});

describe('gradients', () => {
  it.each<[string, HtsatConfig]>([
    ['two stages', TINY],
    ['positions', { ...ONE_STAGE, positionEmbedding: 0.02 }],
  ])('agree with differences in the direction of random parameters (%s)', async (_what, config) => {
    const engine = await testEngine();
    const params = tinyParams(7, config);
    const x = logMels([2, 20, config.mels]);
    const loss = (p: HtsatParams, logMel: Tensor): Scalar => {
      const { latent, clipwise, framewise } = htsat(p, logMel, config);
      const terms = [latent, clipwise, framewise].map((y) => {
        const weights = tf.reshape(tf.sin(tf.range(1, y.size + 1)), y.shape);
        return tf.sum(tf.mul(y, weights));
      });
      return tf.addN(terms) as Scalar;
    };
    const backward = engine.compile((p: HtsatParams, logMel: Tensor) => {
      const { grads } = valueAndGrad((q) => loss(q, logMel), p);
      return grads as unknown as HtsatParams;
    }, params);
    const gradients = flatten<NdArray>(await backward.run(x));
    const value = engine.compile((_none: object, p: HtsatParams, logMel: Tensor) => loss(p, logMel), {});

    const paths = Object.keys(flatten<NdArray>(params));
    const unused = paths.filter((path) => !gradients[path]);
    expect(unused).toEqual(['head.weight', 'head.bias']);
    for (const [path, gradient] of Object.entries(gradients)) {
      const { data } = randomArray(createRng(9).fork(path), gradient.shape);
      const direction = data.map((d) => d / Math.hypot(...data));
      const along = async (t: number) =>
        Number((await value.run(moved(params, path, direction, t), x)).data[0]);
      const product = sum(numbers(gradient).map((g, i) => g * direction[i]!));
      const size = Math.hypot(...numbers(gradient));
      expect(size, path).toBeGreaterThan(1e-3);
      expect(Math.abs(product - (await slope(along))), path).toBeLessThan(2e-3 * size + 1e-4);
    }
  });
});

function moved(params: TinyParams, path: string, direction: Float32Array, t: number): TinyParams {
  type Floats = NdArray<'float32'>;
  return mapTree<Floats, Floats, TinyParams>(params, (leaf, name) => {
    if (name !== path) return leaf;
    const data = leaf.data.map((w, i) => w + t * direction[i]!);
    return floats(data, leaf.shape);
  });
}

/** The derivative of `f` at 0 by differences, exact for polynomials of degree 4. */
async function slope(f: (t: number) => Promise<number>, h = 0.02): Promise<number> {
  return (8 * ((await f(h)) - (await f(-h))) - ((await f(2 * h)) - (await f(-2 * h)))) / (12 * h);
}
