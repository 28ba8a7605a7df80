/** What the training stages can do besides their losses, on models of a hundredth of a second a step. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveModelFolder } from '@pengi/checkpoint';
import { type ClapParams, clapSpec } from '@pengi/clap';
import { createRng, flatten, type NdArray, type Tree } from '@pengi/core';
import { withBatchNormStatistics } from '@pengi/htsat';
import { constantRate, initParams } from '@pengi/nn';
import { partOf, type TrainOptions, type TrainTask, train, validationLoss } from '@pengi/train';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPengi } from './load.js';
import { frozenButMappers, type PengiParams } from './params.js';
import { smallConfigs, TINY_SIZES } from './small.js';
import { changedPaths, NO_TEXT_ENCODER, numbers, paramsOf, testEngine } from './testing/models.js';
import { clapTask, languageTask, type PengiTaskOptions, pengiTask } from './training.js';
import type { Draw } from './training-batches.js';

const CAPTIONS = ['a dog', 'a cat', 'a dog in the rain on a roof with a violin', 'rain falls on a roof'];
const PROMPT = 'generate audio caption';
const CONFIGS = smallConfigs(
  { prompts: [PROMPT], answers: CAPTIONS },
  { ...TINY_SIZES, audio: { ...TINY_SIZES.audio, dropPath: 0.2 } },
);
const SAMPLES = Array.from({ length: 8 }, (_, i) => {
  const rng = createRng(11).fork(i);
  const caption = CAPTIONS[i % CAPTIONS.length]!;
  const logMel = Float32Array.from({ length: 31 * 64 }, (_, j) => -20 + (j % 64) / 4 + 3 * rng.normal());
  return { id: `clip-${i}`, logMel, caption, target: caption, prompt: PROMPT };
});
const draw: Draw<(typeof SAMPLES)[number]> = (_step, part) => partOf(SAMPLES, part);

const clapParams = initParams(clapSpec(CONFIGS.clap), 1);
const pengiParams = paramsOf(CONFIGS.pengi);

const run = async <P, B>(task: TrainTask<P, B>, more: Partial<TrainOptions> = {}) =>
  train(task, {
    engine: await testEngine(),
    steps: 4,
    schedule: constantRate(1e-3),
    optimizer: {},
    seed: 5,
    logEvery: 1,
    warn: (message) => expect.fail(message),
    ...more,
  });

/** As training from scratch begins: the running statistics are those of recordings. */
function withStatisticsOf<P extends ClapParams<NdArray> | PengiParams<NdArray>>(
  samples: typeof SAMPLES,
  params: P,
): P {
  const { base, ...rest } = params.audio_encoder;
  const htsat = withBatchNormStatistics(
    base.htsat,
    samples.map(({ logMel }) => logMel),
  );
  return { ...params, audio_encoder: { ...rest, base: { htsat } } };
}

const largest = (values: readonly number[]) => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

const TASKS: [string, () => TrainTask<unknown, unknown>][] = [
  [
    'contrastive, with mix-up and the statistics of the batch',
    () =>
      clapTask(CONFIGS.clap, withStatisticsOf(SAMPLES.slice(0, 6), clapParams), draw, {
        mixUp: true,
        batchNorm: 'batch',
      }) as never,
  ],
  [
    'answers of several lengths, with the statistics of the batch',
    () =>
      pengiTask(CONFIGS.pengi, withStatisticsOf(SAMPLES.slice(0, 6), pengiParams), draw, {
        batchNorm: 'batch',
      }) as never,
  ],
];

describe.each(TASKS)('training (%s), with dropout, drop path and SpecAugment', (_what, task) => {
  it.each([2, 4])('gives in %d parts what it gives at once', async (accumulate) => {
    // Adam divides by the size of a gradient: with its usual epsilon one that is 0 moves a parameter by its rounding.
    const optimizer = { epsilon: 1e-3 };
    const [whole, parts] = [await run(task(), { optimizer }), await run(task(), { optimizer, accumulate })];
    for (const [i, { loss }] of whole.losses.entries())
      expect(Math.abs(parts.losses[i]!.loss / loss - 1), `step ${i + 1}`).toBeLessThan(1e-5);
    const found = flatten<NdArray>(parts.params as Tree<NdArray>);
    for (const [path, array] of Object.entries(flatten<NdArray>(whole.params as Tree<NdArray>))) {
      const values = numbers(array);
      const apart = largest(values.map((x, i) => x - Number(found[path]!.data[i])));
      expect(apart, path).toBeLessThan(1e-5 * Math.max(1, largest(values)));
    }
  });

  it('is another at each step, and the same when repeated', async () => {
    const still = { schedule: constantRate(0), steps: 3 };
    const losses = (await run(task(), still)).losses.map(({ loss }) => loss);
    expect(new Set(losses).size).toBe(3);
    expect((await run(task(), still)).losses.map(({ loss }) => loss)).toEqual(losses);
    expect((await run(task(), { ...still, seed: 6 })).losses.map(({ loss }) => loss)).not.toEqual(losses);
  });
});

describe('mix-up', () => {
  it('is off unless asked for, and in validation', async () => {
    const [plain, mixing] = [false, true].map((mixUp) => clapTask(CONFIGS.clap, clapParams, draw, { mixUp }));
    const batch = await plain!.batch(0);
    const validate = (task: typeof plain) => validationLoss(task!, [batch], engine)(clapParams as never);
    const engine = await testEngine();
    expect(await validate(mixing)).toEqual(await validate(plain));
    const first = async (task: typeof plain) => (await run(task!, { steps: 1 })).losses[0]!.loss;
    expect(await first(mixing)).not.toBe(await first(plain));
  });

  it('needs parts of an even number of samples', async () => {
    const task = clapTask(CONFIGS.clap, clapParams, draw, { mixUp: true });
    await expect(run(task, { accumulate: 8 })).rejects.toMatchObject({ code: 'E_SHAPE' });
  });
});

describe('the statistics of the input', () => {
  const statisticsOf = (params: ClapParams<NdArray>) => params.audio_encoder.base.htsat.bn0;
  const trained = async (batchNorm: 'running' | 'batch', steps: number) =>
    statisticsOf((await run(clapTask(CONFIGS.clap, clapParams, draw, { batchNorm }), { steps })).params);

  it('stay as they are by default', async () => {
    const { running_mean, running_var } = await trained('running', 1);
    expect({ running_mean, running_var }).toMatchObject({
      running_mean: statisticsOf(clapParams).running_mean,
      running_var: statisticsOf(clapParams).running_var,
    });
  });

  it('follow those of the batches where asked to, as in torch', async () => {
    const { running_mean, running_var } = await trained('batch', 2);
    for (const mel of [0, 17, 63]) {
      const values = SAMPLES.flatMap(({ logMel }) => Array.from(logMel).filter((_, j) => j % 64 === mel));
      const mean = values.reduce((sum, x) => sum + x / values.length, 0);
      const unbiased = values.reduce((sum, x) => sum + (x - mean) ** 2 / (values.length - 1), 0);
      // From 0 and 1, two steps of a tenth of the way.
      expect(running_mean.data[mel]).toBeCloseTo(0.19 * mean, 4);
      expect(running_var.data[mel]).toBeCloseTo(0.81 + 0.19 * unbiased, 3);
    }
  });

  it('of the batch are what the loss sees, and the running ones what validation sees', async () => {
    // With running statistics that are those of the batch, both are the same.
    const [plain, batch] = (['running', 'batch'] as const).map((batchNorm) =>
      clapTask(CONFIGS.clap, clapParams, draw, { batchNorm, specAugment: false }),
    );
    const first = async (task: typeof plain) => (await run(task!, { steps: 1 })).losses[0]!.loss;
    const standard = clapTask(CONFIGS.clap, withStatisticsOf(SAMPLES, clapParams), draw, {
      specAugment: false,
    });
    expect(await first(batch)).toBeCloseTo(await first(standard), 4);
    expect(await first(batch)).not.toBeCloseTo(await first(plain), 4);
    const engine = await testEngine();
    const validated = await validationLoss(batch!, [await plain!.batch(0)], engine)(clapParams as never);
    expect(validated).toEqual(
      await validationLoss(plain!, [await plain!.batch(0)], engine)(clapParams as never),
    );
  });
});

describe('low-rank adapters', () => {
  const lora = {
    rank: 2,
    alpha: 4,
    targets: ['caption_decoder.gpt.transformer.h', 'caption_encoder.base', 'audio_encoder.base.htsat.layers'],
  };
  const frozen = ['audio_encoder.base', 'caption_encoder.base', 'caption_decoder.gpt'];
  const task = (options: PengiTaskOptions = {}) =>
    pengiTask(CONFIGS.pengi, pengiParams, draw, { frozen, lora, ...options });

  it('are learnt beside weights that stay', async () => {
    const { plain: _, ...raw } = task();
    const { params } = await run(raw as ReturnType<typeof task>);
    const changed = changedPaths(raw.params as never, params as never);
    const inTowers = changed.filter((path) => frozen.some((part) => path.startsWith(part)));
    expect(inTowers.length).toBeGreaterThan(20);
    for (const path of inTowers) expect(path).toMatch(/\.lora\.[ab]$/);
    for (const part of lora.targets) expect(inTowers.some((path) => path.startsWith(part))).toBe(true);
    expect(changed.some((path) => path.startsWith('caption_decoder.audio_project'))).toBe(true);
  });

  it('merged are an ordinary model that says the same', async () => {
    const { plain: _, ...raw } = task();
    const options = { optimizer: { groups: [{ match: ['**.lora'], rate: 20 }] } };
    const apart = (await run(raw as ReturnType<typeof task>, options)).params;
    const merged = (await run(task(), options)).params;
    expect(Object.keys(flatten<NdArray>(merged as never))).toEqual(
      Object.keys(flatten<NdArray>(pengiParams as never)),
    );
    const engine = await testEngine();
    const loss = validationLoss(task(), [await task().batch(0)], engine);
    const [separate, together, before] = await Promise.all(
      [apart, merged, pengiParams].map((p) => loss(p as never)),
    );
    expect(Math.abs(together!.validationLoss / separate!.validationLoss - 1)).toBeLessThan(1e-6);
    const layer = 'caption_decoder.gpt.transformer.h.0.attn.c_proj.weight';
    expect(changedPaths(pengiParams, merged as never)).toContain(layer);
    expect(together!.validationLoss).toBeLessThan(before!.validationLoss);
  });

  describe('in a model folder', () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'pengi-lora-'));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    it('are in the weights: it is loaded as any other', async () => {
      const { params } = await run(task());
      await saveModelFolder(join(folder, 'model'), {
        config: CONFIGS.pengi,
        tensors: params as Tree<NdArray>,
      });
      const pengi = await loadPengi(join(folder, 'model'), { engine: await testEngine() });
      expect((await pengi.embedText(['a dog'])).shape).toEqual([1, 128]);
      await pengi.dispose();
    });
  });

  it('serve the other stages as well', async () => {
    const clap = clapTask(CONFIGS.clap, clapParams, draw, {
      frozen: ['caption_encoder.base', 'audio_encoder.base'],
      lora: { rank: 1, targets: ['**.layers'] },
    });
    const changed = changedPaths(clapParams, (await run(clap)).params);
    expect(changed).toContain('caption_encoder.base.encoder.layers.0.self_attn.q_proj.weight');
    expect(changed).not.toContain('caption_encoder.base.encoder.layers.0.layer_norm1.weight');
    const gpt2 = pengiParams.caption_decoder.gpt.transformer;
    const documents = languageTask(
      CONFIGS.pengi.gpt2,
      gpt2,
      (_step, part) =>
        partOf(
          SAMPLES.map(({ id, target }) => ({ id, texts: [target] })),
          part,
        ),
      {
        frozen: ['wte', 'wpe', '**.ln_*', 'ln_f'],
        lora: { rank: 1, targets: ['h.*.attn', 'h.*.mlp'] },
      },
    );
    const grown = changedPaths(gpt2, (await run(documents)).params);
    expect(grown).toEqual(
      Object.keys(flatten<NdArray>(gpt2)).filter((path) => /(attn|mlp)\..*weight/.test(path)),
    );
  });

  it('cannot be where no linear layer is', () => {
    expect(() => task({ lora: { rank: 2, targets: ['caption_decoder.gpt.transformer.wte'] } })).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining('wte') }),
    );
  });
});

describe('the mappers alone', () => {
  it.each([
    ['with a text tower', CONFIGS.pengi],
    ['without', NO_TEXT_ENCODER],
  ])('learn when everything else is frozen (%s)', async (_what, config) => {
    const params = paramsOf(config);
    const known: typeof draw = () => [{ ...SAMPLES[0]!, target: 'a dog' }];
    const task = pengiTask(config, params, known, { frozen: frozenButMappers(config) });
    const changed = changedPaths(params, (await run(task)).params as PengiParams<NdArray>);
    expect(changed.length).toBeGreaterThan(20);
    for (const path of changed) expect(path).toMatch(/^caption_decoder\.(audio|text)_project\./);
  });
});

describe('answers of many lengths', () => {
  const withWords = (words: number) => `a dog${' dog'.repeat(Math.max(0, words - 2))}`;
  const drawn =
    (lengths: readonly number[]): Draw<(typeof SAMPLES)[number]> =>
    (step) => [
      { ...SAMPLES[0]!, target: withWords(lengths[step]! - 1) }, // and the end
    ];
  const lengthOf = async (tokens: number, options?: PengiTaskOptions) => {
    const { arrays } = await pengiTask(CONFIGS.pengi, pengiParams, drawn([tokens]), options).batch(0);
    expect(numbers(arrays.captionMask as NdArray).filter((x) => x === 1)).toHaveLength(tokens);
    return arrays.captionIds.shape[1];
  };

  it('are padded to the next of a few', async () => {
    const found = await Promise.all([3, 8, 9, 16, 17, 33, 64, 65, 81].map((tokens) => lengthOf(tokens)));
    expect(found).toEqual([8, 8, 16, 16, 32, 48, 64, 80, 113]); // at most 113 fit after the prefix
    expect(await lengthOf(5, { captionLengths: [6, 12] })).toBe(6);
    expect(await lengthOf(13, { captionLengths: [6, 12] })).toBe(113);
    expect(await lengthOf(5, { captionLengths: [] })).toBe(113);
  });

  it('are compiled as many times as there are lengths', async () => {
    const lengths = [3, 4, 5, 9, 12, 8, 17, 30];
    const { graphs } = await run(pengiTask(CONFIGS.pengi, pengiParams, drawn(lengths)), { steps: 8 });
    expect(graphs).toBe(3);
  });

  it.each([[[8, 8]], [[16, 8]], [[0, 8]], [[1.5]], [Array.from({ length: 16 }, (_, i) => i + 1)]])(
    'are not padded to %j',
    (captionLengths) => {
      expect(() => pengiTask(CONFIGS.pengi, pengiParams, draw, { captionLengths })).toThrow(
        expect.objectContaining({ code: 'E_USAGE' }),
      );
    },
  );
});
