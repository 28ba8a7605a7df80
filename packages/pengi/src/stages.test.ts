/** The stages before Pengi's own: contrastive CLAP, and the language model alone. */
import { clapSpec } from '@pengi/clap';
import { createRng, flatten, floats, type NdArray } from '@pengi/core';
import type { Gpt2Params } from '@pengi/gpt2';
import { bufferPaths, constantRate, initParams } from '@pengi/nn';
import { train } from '@pengi/train';
import type { Scalar } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { logProbsAfter, wordVectors } from './testing/by-hand.js';
import { BASE, changedPaths, numbers, paramsOf, SMALL, sum, testEngine } from './testing/models.js';
import { pengiTokenizer } from './tokenizer.js';
import { clapTask, type DocumentBatch, languageTask } from './training.js';

const options = async () => ({
  engine: await testEngine(),
  steps: 2,
  schedule: constantRate(1e-3),
  optimizer: {},
  seed: 1,
  warn: (message: string) => expect.fail(message),
});

describe('training the language model', () => {
  const params = paramsOf(BASE);
  const language = params.caption_decoder.gpt.transformer;
  const tokenizer = pengiTokenizer(BASE.gpt2);
  const documents = [
    { id: 'a', texts: ['a dog', 'it is a dog'] },
    { id: 'b', texts: ['a violin'] },
  ];
  const task = (length: number) => languageTask(BASE.gpt2, language, () => documents, { length });
  const [first, second] = documents.map(({ texts }) =>
    texts.flatMap((text) => [...tokenizer.encode(text), tokenizer.endOfText]),
  ) as [number[], number[]];

  it('takes documents of several texts, each with an end, cut or padded to one length', async () => {
    const { arrays, ids } = await task(6).batch(0);
    expect(ids).toEqual(['a', 'b']);
    const row = (array: NdArray, b: number) => numbers(array).slice(6 * b, 6 * b + 6);
    expect(row(arrays.ids, 0)).toEqual(first.slice(0, 6));
    expect(row(arrays.mask, 0)).toEqual(Array(6).fill(1));
    expect(row(arrays.ids, 1).slice(0, second.length)).toEqual(second);
    expect(row(arrays.mask, 1)).toEqual(Array.from({ length: 6 }, (_, t) => Number(t < second.length)));
  });

  it('counts every token but the first of each document', async () => {
    const { loss, batch } = task(16);
    const program = (await testEngine()).compile(
      (p: Gpt2Params, b: DocumentBatch) => loss(p, b, undefined) as Scalar,
      language,
    );
    const found = Number((await program.run((await batch(0)).arrays)).data[0]);
    await program.dispose();
    const logProbs = [];
    for (const [start, ...rest] of [first, second])
      logProbs.push(
        ...(await logProbsAfter(floats(wordVectors(params, [start!]), [1, 128]), rest, params, BASE)),
      );
    expect(found).toBeCloseTo(-sum(logProbs) / logProbs.length, 4);
  });

  it('counts as many tokens as its loss is the mean of', async () => {
    const { weight, batch } = task(16);
    expect(weight!((await batch(0)).arrays)).toBe(first.length - 1 + second.length - 1);
  });

  it('changes all parameters', async () => {
    const { params: trained } = await train(task(16), await options());
    expect(changedPaths(language, trained)).toEqual(Object.keys(flatten<NdArray>(language)));
  });

  it.each([1, 129, 7.5])('refuses documents of %d tokens', (length) => {
    expect(() => task(length)).toThrow(
      expect.objectContaining({
        code: 'E_USAGE',
        message: `documents have 2 to 128 tokens, not ${length}`,
      }),
    );
  });

  it('refuses steps without documents', async () => {
    await expect(languageTask(BASE.gpt2, language, () => []).batch(0)).rejects.toMatchObject({
      code: 'E_DATA',
      message: 'no samples were drawn for step 1',
    });
  });
});

describe('contrastive training', () => {
  const params = initParams(clapSpec(SMALL.clap), 1);
  const rng = createRng(3);
  const logMel = () => Float32Array.from({ length: 31 * 64 }, () => rng.normal());
  const samples = ['a dog', 'a cat', 'a dog'].map((caption, i) => ({
    id: String(i),
    caption,
    logMel: logMel(),
  }));
  const task = clapTask(SMALL.clap, params, () => samples, { specAugment: false });

  it('takes clips of one caption as right for each other', async () => {
    const { arrays, ids } = await task.batch(0);
    expect(ids).toEqual(['0', '1', '2']);
    expect(arrays.logMel.shape).toEqual([3, 31, 64]);
    expect(arrays.ids.shape).toEqual([3, 40]);
    const [first, second, third] = [0, 2, 4].map((i) => numbers(arrays.groups!).slice(i, i + 2));
    expect(third).toEqual(first);
    expect(second).not.toEqual(first);
  });

  it('names equal captions alike in the parts of several processes', async () => {
    const parts = clapTask(SMALL.clap, params, (_step, part) => (part ? [samples[part.index]!] : samples));
    const groups = await Promise.all(
      [0, 1, 2].map(async (index) => numbers((await parts.batch(0, { index, count: 3 })).arrays.groups!)),
    );
    expect(groups.flat()).toEqual(numbers((await parts.batch(0)).arrays.groups!));
  });

  it('changes both towers, but no statistics', async () => {
    const { params: trained, losses } = await train(task, await options());
    const changed = changedPaths(params, trained);
    expect(changed).toContain('logit_scale');
    expect(changed.some((path) => path.startsWith('caption_encoder.base'))).toBe(true);
    expect(changed.some((path) => path.startsWith('audio_encoder.base'))).toBe(true);
    for (const path of bufferPaths(clapSpec(SMALL.clap))) expect(changed).not.toContain(path);
    expect(losses.at(-1)!.loss).toBeLessThan(losses[0]!.loss);
  });
});
