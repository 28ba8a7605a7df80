import { createRng, flatten, floats, ints, leaves, type NdArray, sizeOf } from '@pengi/core';
import { collectProbes, type Keys, keysFrom } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { CLAP_PAPER, CLIP_TEXT_BASE } from './config.js';
import { clipText, type EncoderOptions, encodeAudio, encodeText } from './model.js';
import { type ClapParams, clapSpec, clipTextSpec } from './params.js';
import { plainProjection, plainTextTower } from './testing/plain.js';
import {
  expectNear,
  numbers,
  randomArray,
  rowsOf,
  TINY,
  TINY_TEXT,
  testEngine,
  tinyParams,
} from './testing/tiny.js';

const params = tinyParams(1);
const { vocabularySize, width } = TINY_TEXT;
const [START, END] = [vocabularySize - 2, vocabularySize - 1];

/** Texts of different lengths: start, tokens, end, and ends as padding. */
const TEXTS = [
  [START, 3, 1, 4, END, END],
  [START, 5, END, END, END, END],
  [START, 2, 7, 1, 8, END],
];

interface Run {
  logMel?: NdArray;
  ids?: number[][];
  mask?: number[][];
  /** Called where tensors can be made. */
  options?: () => EncoderOptions;
}

/** Embeddings, and what lies before the projections. */
async function encode({ logMel = randomArray(5, [3, 21, 16]), ids = TEXTS, mask, options }: Run = {}) {
  const program = (await testEngine()).compile(
    (p: ClapParams, mel: Tensor, tokens: Tensor) =>
      collectProbes((probe) => {
        const given = { ...options?.(), probe };
        const attentionMask = mask && tf.tensor2d(mask, undefined, 'int32');
        const audio = encodeAudio(p.audio_encoder, mel, TINY.audio, { specAugment: false, ...given });
        const text = encodeText(p.caption_encoder, tokens, TINY_TEXT, given);
        const tower = clipText(p.caption_encoder.base, tokens, TINY_TEXT, {
          ...(attentionMask ? { attentionMask } : {}),
        });
        return { audio, text, ...tower };
      }),
    params,
  );
  const { value, probes } = await program.run(logMel, ints(ids.flat(), [ids.length, ids[0]!.length]));
  await program.dispose();
  return { ...value, latent: probes.latent! };
}

describe('the spec', () => {
  const count = (spec: object) =>
    leaves<{ shape: number[] }>(spec as never).reduce((total, [, { shape }]) => total + sizeOf(shape), 0);

  it('has the parameters of CLIP’s text tower', () => {
    // What transformers counts for the text model of openai/clip-vit-base-patch16.
    expect(count(clipTextSpec(CLIP_TEXT_BASE))).toBe(63_165_952);
  });

  it('has a scale and two encoders', () => {
    const spec = clapSpec(CLAP_PAPER);
    const projection = (inputs: number) => inputs * 1024 + 1024 * 1024 + 2 * 1024;
    expect(count(spec.caption_encoder)).toBe(63_165_952 + 512 * 512 + projection(512));
    expect(count(spec.audio_encoder) - count(spec.audio_encoder.base)).toBe(projection(768));
    expect(count(spec)).toBe(1 + count(spec.audio_encoder) + count(spec.caption_encoder));
  });
});

describe('the text tower', () => {
  it('is a transformer that looks back, read at the first end', async () => {
    const { hidden, pooled } = await encode();
    const named = flatten<NdArray>(params.caption_encoder.base);
    const expected = TEXTS.map((ids) => plainTextTower(named, ids, TINY_TEXT));
    expect(hidden.shape).toEqual([3, 6, width]);
    expectNear(numbers(hidden), expected.flat(2));
    expectNear(
      numbers(pooled),
      expected.flatMap((rows, b) => rows[TEXTS[b]!.indexOf(END)]!),
    );
  });

  it('sees nothing of what follows the end', async () => {
    const changed = [[START, 3, 1, 4, END, 0], [START, 5, END, 2, 6, END], TEXTS[2]!];
    const [found, expected] = [await encode({ ids: changed }), await encode()];
    expectNear(numbers(found.text), numbers(expected.text), 1e-6);
  });

  it('gives the same with a mask for padding, but for the padding itself', async () => {
    const mask = TEXTS.map((ids) => ids.map((_, t) => (t <= ids.indexOf(END) ? 1 : 0)));
    const [found, expected] = [await encode({ mask }), await encode()];
    expectNear(numbers(found.pooled), numbers(expected.pooled), 1e-6);
    expect(numbers(found.hidden)).not.toEqual(numbers(expected.hidden));
  });

  it.each<[string, NdArray]>([
    ['int32 [2,13]', ints(new Int32Array(26), [2, 13])],
    ['int32 [6]', ints(new Int32Array(6))],
    ['float32 [2,6]', floats(new Float32Array(12), [2, 6])],
  ])('refuses %s', async (what, ids) => {
    const program = (await testEngine('cpu')).compile(
      (p: ClapParams, x: Tensor) => encodeText(p.caption_encoder, x, TINY_TEXT),
      params,
    );
    await expect(program.run(ids)).rejects.toMatchObject({
      code: 'E_SHAPE',
      message: `the text tower takes int32 ids [B, T] with 1 <= T <= 12, found ${what}`,
    });
  });
});

describe('the projections', () => {
  it('add a gated layer to a linear one and normalise', async () => {
    const { audio, text, latent, pooled } = await encode();
    const named = flatten<NdArray>(params);
    expect([audio.shape, text.shape]).toEqual([
      [3, 10],
      [3, 10],
    ]);
    expectNear(
      numbers(audio),
      rowsOf(latent).flatMap((x) => plainProjection(named, 'audio_encoder.projection', x)),
    );
    const clip = rowsOf(named['caption_encoder.clip_text_projection.weight']!);
    expectNear(
      numbers(text),
      rowsOf(pooled).flatMap((x) => {
        const projected = clip.map((row) => row.reduce((total, w, i) => total + w * x[i]!, 0));
        return plainProjection(named, 'caption_encoder.projection', projected);
      }),
    );
  });
});

describe('a batch', () => {
  it('may come in any order', async () => {
    const order = [2, 0, 1];
    const [straight, turned] = [
      await encode({ logMel: clips([0, 1, 2]) }),
      await encode({ logMel: clips(order), ids: order.map((b) => TEXTS[b]!) }),
    ];
    for (const side of ['audio', 'text'] as const) {
      const rows = rowsOf(straight[side]);
      expectNear(
        numbers(turned[side]),
        order.flatMap((b) => rows[b]!),
        1e-6,
      );
      expect(rows[0]).not.toEqual(rows[1]);
    }
  });
});

describe('in training', () => {
  const keys = (seeds: number[]): Keys => keysFrom(tf.tensor1d(seeds, 'int32'));
  const trained = (seeds: number[], projectionDropout = 0.5) =>
    encode({ options: () => ({ keys: keys(seeds), projectionDropout }) });

  it('the projections drop the gated layer, by the seed of each sample', async () => {
    const [plain, first, second, third] = [
      await encode({ options: () => ({ projectionDropout: 0.5 }) }),
      await trained([1, 2, 3]),
      await trained([1, 2, 3]),
      await trained([1, 9, 3]),
    ];
    for (const side of ['audio', 'text'] as const) {
      expect(numbers(plain[side])).toEqual(numbers((await encode())[side]));
      expect(numbers(second[side])).toEqual(numbers(first[side]));
      const [a, b, c] = [rowsOf(plain[side]), rowsOf(first[side]), rowsOf(third[side])];
      for (const i of [0, 1, 2]) expect(b[i]).not.toEqual(a[i]);
      expect([c[0], c[2]]).toEqual([b[0], b[2]]);
      expect(c[1]).not.toEqual(b[1]);
    }
  });

  it('a rate of 1 leaves the linear layer alone', async () => {
    const { audio, latent } = await trained([1, 2, 3], 1);
    const named = flatten<NdArray>(params);
    expectNear(
      numbers(audio),
      rowsOf(latent).flatMap((x) => plainProjection(named, 'audio_encoder.projection', x, { dropped: true })),
    );
  });
});

/** Clip b is the same in whatever batch. */
function clips(order: readonly number[]): NdArray {
  const data = order.flatMap((b) => {
    const { normal } = createRng(b);
    return Array.from({ length: 21 * 16 }, normal);
  });
  return floats(data, [order.length, 21, 16]);
}
