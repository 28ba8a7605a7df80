import { flatten, floats, ints, type NdArray, pathMatcher, scalar } from '@pengi/core';
import { adamInit, adamUpdate, valueAndGrad } from '@pengi/nn';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ClapBatch, clapLoss, contrastiveLoss, encodeAudio, encodeText, similarity } from './model.js';
import type { ClapParams } from './params.js';
import { plainContrastiveLoss, plainCosine } from './testing/plain.js';
import {
  expectNear,
  numbers,
  randomArray,
  rowsOf,
  sum,
  TINY,
  testEngine,
  tinyParams,
} from './testing/tiny.js';

interface Pairs<Leaf = Tensor> {
  scale: Leaf;
  audio: Leaf;
  text: Leaf;
  groups?: Leaf;
  shares?: Leaf;
}

/** The loss and its gradients with respect to scale and embeddings. */
async function lossOf(pairs: Pairs<NdArray>) {
  const program = (await testEngine('cpu')).compile((_none: object, { groups, shares, ...given }: Pairs) => {
    const { loss, grads } = valueAndGrad(
      (p) => contrastiveLoss(p.scale, p.audio, p.text, groups, shares),
      given,
    );
    return { loss, ...(grads as unknown as Pairs) };
  }, {});
  const { loss, scale, audio, text } = await program.run(pairs);
  return { loss: Number(loss.data[0]), grads: { scale, audio, text } };
}

const orthogonal = (n: number) =>
  floats(
    Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)),
    [n, n],
  );

const random = { scale: scalar(1.3), audio: randomArray(1, [5, 4]), text: randomArray(2, [5, 4]) };
const plainLoss = ({ scale, audio, text, groups }: Pairs<NdArray>) =>
  plainContrastiveLoss(
    Number(scale.data[0]),
    rowsOf(audio),
    rowsOf(text),
    groups ? numbers(groups) : undefined,
  );

describe('similarity', () => {
  it('is the cosine times the exponential of the scale', async () => {
    const program = (await testEngine('cpu')).compile(
      (_none: object, { scale, audio, text }: Pairs) => similarity(scale, audio, text),
      {},
    );
    const text = randomArray(3, [2, 4]);
    const found = await program.run({ ...random, text });
    const expected = rowsOf(random.audio).flatMap((a) =>
      rowsOf(text).map((t) => Math.exp(1.3) * plainCosine(a, t)),
    );
    expect(found.shape).toEqual([5, 2]);
    expectNear(numbers(found), expected);
  });

  it('refuses what cannot be compared', async () => {
    await expect(lossOf({ ...random, text: randomArray(2, [5, 3]) })).rejects.toMatchObject({
      code: 'E_SHAPE',
      message: 'embeddings are [A, E] and [T, E], found [5,4] and [5,3]',
    });
    await expect(lossOf({ ...random, text: randomArray(2, [4]) })).rejects.toMatchObject({ code: 'E_SHAPE' });
  });
});

describe('the contrastive loss', () => {
  it('is the symmetric cross-entropy over the batch', async () => {
    for (const scale of [-1, 0, 1.3, 4]) {
      const pairs = { ...random, scale: scalar(scale) };
      expect((await lossOf(pairs)).loss).toBeCloseTo(plainLoss(pairs), 5);
    }
  });

  it.each([1, 2, 7])('of %d equal pairs is the logarithm of their number', async (n) => {
    const rows = floats(Array.from({ length: n }, () => [1, 2, -3]).flat(), [n, 3]);
    const { loss } = await lossOf({ scale: scalar(2), audio: rows, text: rows });
    expect(loss).toBeCloseTo(Math.log(n), 5);
  });

  it('falls to 0 when each pair is apart from all others', async () => {
    const pairs = orthogonal(4);
    for (const scale of [0, 1, Math.log(5)]) {
      const { loss } = await lossOf({ scale: scalar(scale), audio: pairs, text: pairs });
      expect(loss).toBeCloseTo(Math.log(1 + 3 * Math.exp(-Math.exp(scale))), 5);
    }
    expect((await lossOf({ scale: scalar(Math.log(100)), audio: pairs, text: pairs })).loss).toBeLessThan(
      1e-6,
    );
  });

  it('depends neither on lengths, nor on the order of the pairs, nor on which side is which', async () => {
    const order = fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 });
    const lengths = fc.array(fc.double({ min: 0.1, max: 10, noNaN: true }), { minLength: 5, maxLength: 5 });
    const { loss } = await lossOf(random);
    await fc.assert(
      fc.asyncProperty(order, lengths, async (rows, factors) => {
        const moved = (array: NdArray, by: number[]) =>
          floats(
            rows.flatMap((row) => rowsOf(array)[row]!.map((x) => x * by[row]!)),
            array.shape,
          );
        const audio = moved(random.audio, factors);
        const text = moved(random.text, [...factors].reverse());
        expect((await lossOf({ ...random, audio, text })).loss).toBeCloseTo(loss, 5);
        expect((await lossOf({ ...random, audio: text, text: audio })).loss).toBeCloseTo(loss, 5);
      }),
      { numRuns: 20 },
    );
  });

  it('shares the target among the pairs of one group', async () => {
    const grouped = { ...random, groups: ints([0, 1, 0, 3, 0]) };
    expect((await lossOf(grouped)).loss).toBeCloseTo(plainLoss(grouped), 5);
    expect(plainLoss(grouped)).not.toBeCloseTo(plainLoss(random), 2);
    const apart = { ...random, groups: ints([9, 1, 7, 3, 0]) };
    expect((await lossOf(apart)).loss).toBeCloseTo((await lossOf(random)).loss, 6);
  });

  describe('of recordings that were mixed in pairs', () => {
    const six = { scale: scalar(1.3), audio: randomArray(1, [6, 4]), text: randomArray(2, [6, 4]) };
    const shares = [0.3, 0.3, 1, 1, 0.5, 0.5];

    it('counts both texts of a pair by the shares, in both directions', async () => {
      const logits = rowsOf(six.audio).map((a) =>
        rowsOf(six.text).map((t) => Math.exp(1.3) * plainCosine(a, t)),
      );
      const logProb = (scores: number[], i: number) => scores[i]! - Math.log(sum(scores.map(Math.exp)));
      let expected = 0;
      for (const [i, share] of shares.entries()) {
        const neighbour = i % 2 === 0 ? i + 1 : i - 1;
        const column = logits.map((row) => row[i]!);
        for (const scores of [logits[i]!, column])
          expected -= (share * logProb(scores, i) + (1 - share) * logProb(scores, neighbour)) / (2 * 6);
      }
      expect((await lossOf({ ...six, shares: floats(shares) })).loss).toBeCloseTo(expected, 5);
      const whole = floats(shares.map(() => 1));
      expect((await lossOf({ ...six, shares: whole })).loss).toBeCloseTo(plainLoss(six), 5);
    });

    it('shares what is right among the pairs of one group as well', async () => {
      // Pairs 0 and 1 say the same: mixing them changes nothing.
      const grouped = { ...six, groups: ints([0, 0, 2, 3, 4, 5]) };
      const mixedThere = floats([0.3, 0.3, 1, 1, 1, 1]);
      expect((await lossOf({ ...grouped, shares: mixedThere })).loss).toBeCloseTo(plainLoss(grouped), 5);
    });
  });

  it('has the gradients that differences of the loop give', async () => {
    const { grads } = await lossOf(random);
    const h = 1e-5;
    for (const name of ['scale', 'audio', 'text'] as const) {
      const slopes = Array.from(random[name].data, (_, i) => {
        const at = (t: number) => {
          const data = Array.from(random[name].data, (x, j) => (i === j ? x + t : x));
          // In double precision: float32 is too coarse for differences.
          return plainLoss({
            ...random,
            [name]: { ...random[name], data: Float64Array.from(data) },
          } as never);
        };
        return (at(h) - at(-h)) / (2 * h);
      });
      expect(Math.hypot(...slopes)).toBeGreaterThan(0.01);
      expectNear(numbers(grads[name]), slopes, 1e-5);
    }
  });

  it('refuses what are no pairs', async () => {
    await expect(lossOf({ ...random, text: randomArray(2, [3, 4]) })).rejects.toMatchObject({
      code: 'E_SHAPE',
      message: '5 audio embeddings, 3 text embeddings: not pairs',
    });
    await expect(lossOf({ ...random, groups: ints([1, 2]) })).rejects.toMatchObject({
      code: 'E_SHAPE',
      message: '5 audio embeddings, 5 text embeddings, groups [2]: not pairs',
    });
  });
});

describe('the loss of a pretraining step', () => {
  const config = { ...TINY, projectionDropout: 0 };
  const { vocabularySize, promptLength } = config.text;
  const params = tinyParams(4, config);
  const idsOf = (b: number) => [0, b, b + 1].map((id) => (id * 5 + b) % (vocabularySize - 1));
  const ids = [1, 2, 3, 4].flatMap((b) => [...idsOf(b), ...Array(promptLength - 3).fill(vocabularySize - 1)]);
  const batch: ClapBatch<NdArray> = {
    logMel: randomArray(6, [4, 21, 16]),
    ids: ints(ids, [4, promptLength]),
  };

  it('is that of the two towers’ embeddings', async () => {
    const program = (await testEngine()).compile(
      (p: ClapParams, b: ClapBatch) => ({
        loss: clapLoss(p, b, config),
        grouped: clapLoss(p, { ...b, groups: tf.tensor1d([0, 1, 1, 0], 'int32') }, config),
        audio: encodeAudio(p.audio_encoder, b.logMel, config.audio),
        text: encodeText(p.caption_encoder, b.ids, config.text),
      }),
      params,
    );
    const { loss, grouped, audio, text } = await program.run(batch);
    const pairs = { scale: params.logit_scale, audio, text };
    expect(loss.data[0]).toBeCloseTo(plainLoss(pairs), 4);
    expect(grouped.data[0]).toBeCloseTo(plainLoss({ ...pairs, groups: ints([0, 1, 1, 0]) }), 4);
    await program.dispose();
  });

  it('trains everything but the token head, and learns the pairs', async () => {
    const engine = await testEngine();
    const isFixed = pathMatcher(['**.tscam_conv', '**.head', '**.running_mean', '**.running_var']);
    const step = engine.compileStep(
      (_none: object, { params: p, adam }: { params: ClapParams; adam: never }, b: ClapBatch) => {
        const { loss, grads } = valueAndGrad((q) => clapLoss(q, b, config) as Scalar, p);
        const next = adamUpdate(p, grads, adam, tf.scalar(0.01), {});
        return {
          state: { params: next.params, adam: next.state as never },
          output: { loss, grads: grads as unknown as ClapParams },
        };
      },
      {},
      { params, adam: adamInit(params) as never },
    );
    const losses: number[] = [];
    for (let i = 0; i < 40; i++) {
      const { loss, grads } = await step.run(batch);
      losses.push(Number(loss.data[0]));
      if (i > 0) continue;
      const reached = Object.entries(flatten<NdArray>(grads)).filter(
        ([, gradient]) => gradient && sum(numbers(gradient).map(Math.abs)) > 0,
      );
      const all = Object.keys(flatten<NdArray>(params));
      // The key's bias shifts all scores of a query alike, so its gradient is rounding or nothing.
      const expected = all.filter((path) => !isFixed(path) && !/k_proj\.bias/.test(path));
      expect(reached.map(([path]) => path)).toEqual(expect.arrayContaining(expected));
      expect(reached.map(([path]) => path).filter((path) => /tscam|head\./.test(path))).toEqual([]);
    }
    expect(losses[0]).toBeGreaterThan(0.5);
    expect(losses.at(-1)).toBeLessThan(0.05);
    await step.dispose();
  });
});
