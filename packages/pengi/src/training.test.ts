import { type NdArray, pathMatcher } from '@pengi/core';
import type { Arrays } from '@pengi/jit';
import { constantRate } from '@pengi/nn';
import { train } from '@pengi/train';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PengiConfig } from './config.js';
import { captionHidden, captionLogits, type PengiBatch, pengiLoss } from './model.js';
import { FROZEN_IN_TRAINING, type PengiParams } from './params.js';
import type { Pengi } from './pengi.js';
import { logProbsAfter } from './testing/by-hand.js';
import {
  BASE,
  changedPaths,
  LONG_PROMPT,
  NO_TEXT_ENCODER,
  numbers,
  paramsOf,
  pathsOf,
  pengiOf,
  sum,
  testEngine,
  tone,
  withPositions,
} from './testing/models.js';
import { type PengiTaskOptions, pengiTask } from './training.js';
import type { AudioSample } from './training-batches.js';

type Sample = AudioSample & { prompt: string; target: string };

const SAMPLES = [
  { hertz: 200, prompt: 'generate audio caption', target: 'a dog in the rain' },
  { hertz: 900, prompt: 'question: what is it?', target: 'a cat' },
  { hertz: 3000, prompt: 'generate audio caption', target: '' },
];

describe.each<[string, PengiConfig]>([
  ['with a text encoder', BASE],
  ['without a text encoder', NO_TEXT_ENCODER],
])('training a model %s', (_kind, config) => {
  const params = paramsOf(config);
  let pengi: Pengi;
  let samples: Sample[];
  beforeAll(async () => {
    pengi = await pengiOf(config, params);
    const { frontend } = pengi;
    samples = SAMPLES.map(({ hertz, ...texts }, i) => ({
      id: String(i),
      logMel: frontend.logMel(frontend.prepare(tone(hertz)).samples),
      ...texts,
    }));
  });
  afterAll(() => pengi.dispose());

  const taskOf = (options?: PengiTaskOptions, drawn = () => samples) =>
    pengiTask(config, params, drawn, { specAugment: false, ...options });

  const lossOf = async (batch: Arrays<PengiBatch>) => {
    const program = (await testEngine()).compile((p: PengiParams, b: PengiBatch) => {
      const { hidden } = captionHidden(p, b, config);
      return { loss: pengiLoss(p, b, config), logits: captionLogits(p, hidden) };
    }, params);
    const result = await program.run(batch);
    await program.dispose();
    return { loss: Number(result.loss.data[0]), logits: result.logits };
  };

  /** Log-probabilities of the tokens of a target and its end after what inference makes of recording and prompt. */
  async function byHand({ prompt, target }: (typeof SAMPLES)[number], hertz: number): Promise<number[]> {
    const { prefixes } = await pengi.prefixes(await pengi.embedAudio([tone(hertz)]), [prompt]);
    const ids = [...pengi.tokenizer.encode(target), pengi.tokenizer.endOfText];
    return logProbsAfter(prefixes[0]!, ids, params, config);
  }

  it('counts each token of the targets and their ends, and nothing else', async () => {
    const { arrays } = await taskOf().batch(0);
    const { loss, logits } = await lossOf(arrays);
    const logProbs = [];
    for (const sample of SAMPLES) logProbs.push(...(await byHand(sample, sample.hertz)));
    const counted = 5 + 1 + (2 + 1) + 1;
    expect(logProbs).toHaveLength(counted);
    expect(loss).toBeCloseTo(-sum(logProbs) / counted, 4);

    // The same from the logits: cross-entropy where the mask is 1.
    const [B, L, V] = logits.shape as [number, number, number];
    let total = 0;
    for (let i = 0; i < B * L; i++) {
      if (arrays.captionMask.data[i] === 0) continue;
      const row = numbers(logits).slice(i * V, (i + 1) * V);
      total += Math.log(sum(row.map(Math.exp))) - row[Number(arrays.captionIds.data[i])]!;
    }
    expect(loss).toBeCloseTo(total / counted, 4);
  });

  it('weighs a batch by the tokens that count', async () => {
    const { weight, batch } = taskOf();
    expect(weight!((await batch(0)).arrays)).toBe(5 + 1 + (2 + 1) + 1);
  });

  it('does not see what lies behind the ends', async () => {
    const { arrays } = await taskOf().batch(0);
    const captionIds = {
      ...arrays.captionIds,
      data: Int32Array.from(arrays.captionIds.data, (id, i) => (arrays.captionMask.data[i] ? id : 3)),
    };
    expect(captionIds.data).not.toEqual(arrays.captionIds.data);
    expect((await lossOf({ ...arrays, captionIds })).loss).toBeCloseTo((await lossOf(arrays)).loss, 5);
  });

  it('makes batches of ended targets, padded to one of a few lengths, and of prompts as in inference', async () => {
    const { arrays, ids } = await taskOf().batch(0);
    const { endOfText, pad } = pengi.tokenizer;
    const first = [...pengi.tokenizer.encode(SAMPLES[0]!.target), endOfText];
    expect(ids).toEqual(['0', '1', '2']);
    expect(arrays.logMel.shape).toEqual([3, pengi.frontend.frames, 64]);
    expect(arrays.promptIds.shape).toEqual([3, 40]);
    expect(arrays.captionIds.shape).toEqual([3, 8]);
    expect(numbers(arrays.captionIds as NdArray).slice(0, 8)).toEqual([...first, pad, pad]);
    expect(numbers(arrays.captionMask as NdArray).slice(0, 8)).toEqual([1, 1, 1, 1, 1, 1, 0, 0]);
    expect(numbers(arrays.captionMask as NdArray).slice(16)).toEqual([1, 0, 0, 0, 0, 0, 0, 0]);
  });

  const steps = async (options?: PengiTaskOptions) =>
    train(taskOf(options), {
      engine: await testEngine(),
      steps: 2,
      schedule: constantRate(1e-3),
      optimizer: {},
      seed: 1,
      warn: (message) => expect.fail(message), // a trained parameter that the loss does not reach, for one
    });

  it('changes encoder, projections and mappers, but no language model and no text tower', async () => {
    const result = await steps();
    const isFrozen = pathMatcher([...FROZEN_IN_TRAINING, '**.running_mean', '**.running_var']);
    const isUnused = pathMatcher(['**.tscam_conv', '**.head']);
    const changed = changedPaths(params, result.params);
    expect(changed).toEqual(pathsOf(config).filter((path) => !isFrozen(path) && !isUnused(path)));
    const tops = new Set(changed.map((path) => path.split('.').slice(0, 2).join('.')));
    expect([...tops]).toEqual([
      'audio_encoder.base',
      'audio_encoder.projection',
      ...(config.text ? ['caption_encoder.clip_text_projection', 'caption_encoder.projection'] : []),
      'caption_decoder.audio_project',
      'caption_decoder.text_project',
    ]);
    expect(result.losses.at(-1)!.loss).toBeLessThan(result.losses[0]!.loss);
  });

  it('changes what is not named as frozen', async () => {
    const changed = changedPaths(params, (await steps({ frozen: ['audio_encoder'] })).params);
    expect(changed.some((path) => path.startsWith('audio_encoder'))).toBe(false);
    expect(changed).toContain('caption_decoder.gpt.transformer.wte.weight');
  });

  it('cuts long prompts and refuses empty ones', async () => {
    const withPrompt = (prompt: string) => taskOf({}, () => [{ ...samples[0]!, prompt }]).batch(0);
    expect((await withPrompt(LONG_PROMPT)).arrays.promptIds.shape).toEqual([1, 40]);
    await expect(withPrompt(' ')).rejects.toMatchObject({ code: 'E_TEXT', message: 'the prompt is empty' });
  });

  it('takes targets of up to as many tokens as there are positions for', async () => {
    const small = withPositions(27, config); // 11 after the prefix, and the last token needs none
    const draw = (words: number) => () => [
      { ...samples[0]!, id: 'x', target: `a${' dog'.repeat(words - 1)}` },
    ];
    const task = (words: number) => pengiTask(small, paramsOf(small), draw(words));
    const { arrays } = await task(11).batch(0);
    expect(arrays.captionIds.shape).toEqual([1, 12]);
    const program = (await testEngine()).compile(
      (p: PengiParams, b: PengiBatch) => pengiLoss(p, b, small),
      paramsOf(small),
    );
    expect(Number((await program.run(arrays)).data[0])).toBeGreaterThan(0);
    await program.dispose();
    await expect(task(12).batch(0)).rejects.toMatchObject({
      code: 'E_DATA',
      message: 'sample "x": the target has 13 tokens with its end, at most 12 fit after the prefix',
    });
  });

  it('refuses steps without samples, and log-mels of another size', async () => {
    await expect(taskOf({}, () => []).batch(4)).rejects.toMatchObject({
      code: 'E_DATA',
      message: 'no samples were drawn for step 5',
    });
    const logMel = new Float32Array(64);
    const mixed = taskOf({}, () => [samples[0]!, { ...samples[1]!, id: 'short', logMel }]);
    const size = samples[0]!.logMel.length;
    await expect(mixed.batch(0)).rejects.toMatchObject({
      code: 'E_DATA',
      message: `sample "short": a log-mel of 64 values, expected ${size}`,
    });
    const odd = taskOf({}, () => [{ ...samples[0]!, logMel: new Float32Array(65) }]);
    await expect(odd.batch(0)).rejects.toMatchObject({
      message: 'sample "0": a log-mel of 65 values, expected frames of 64',
    });
  });
});
