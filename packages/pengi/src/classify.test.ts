import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClassifyOptions, classify } from './classify.js';
import type { PengiConfig } from './config.js';
import type { Pengi } from './pengi.js';
import { logProbsAfter } from './testing/by-hand.js';
import {
  BASE,
  NO_TEXT_ENCODER,
  numbers,
  paramsOf,
  pengiOf,
  sum,
  tone,
  withPositions,
} from './testing/models.js';

const LABELS = ['a cat', 'a dog barks in the rain', 'a violin', 'rain falls on a roof'];
const INPUTS = [tone(200), tone(1500)];

describe.each<[string, PengiConfig]>([
  ['with a text encoder', BASE],
  ['without a text encoder', NO_TEXT_ENCODER],
])('log-likelihoods of a model %s', (_kind, config) => {
  const params = paramsOf(config);
  let pengi: Pengi;
  beforeAll(async () => {
    pengi = await pengiOf(config, params);
  });
  afterAll(() => pengi.dispose());

  it.each(['sum', 'mean'] as const)('rank labels as the language model does, by the %s', async (length) => {
    const prompt = 'this is a sound of';
    const found = await pengi.classify(INPUTS, LABELS, { method: 'logLikelihood', prompt, length });
    const { prefixes } = await pengi.prefixes(await pengi.embedAudio(INPUTS), [prompt, prompt]);
    expect(found).toHaveLength(2);
    for (const [i, prefix] of prefixes.entries()) {
      const scores = [];
      for (const label of LABELS) {
        const ids = [...pengi.tokenizer.encode(label), pengi.tokenizer.endOfText];
        const logProbs = await logProbsAfter(prefix, ids, params, config);
        scores.push({ label, score: sum(logProbs) / (length === 'sum' ? 1 : ids.length) });
      }
      const expected = scores.sort((a, b) => b.score - a.score);
      expect(found[i]!.labels.map(({ label }) => label)).toEqual(expected.map(({ label }) => label));
      for (const [rank, { score }] of found[i]!.labels.entries())
        expect(score).toBeCloseTo(expected[rank]!.score, 3);
      expect(found[i]!.answer).toBeUndefined();
    }
    expect(found[0]!.labels[0]!.score).not.toBeCloseTo(found[1]!.labels[0]!.score, 3);
  });

  it('are of labels in the template, asked for by "generate metadata"', async () => {
    const options: ClassifyOptions = { method: 'logLikelihood' };
    const [found] = await pengi.classify(INPUTS, ['cat', 'dog'], { ...options, template: 'a {}' });
    const [expected] = await pengi.classify(INPUTS, ['a cat', 'a dog'], {
      ...options,
      prompt: 'generate metadata',
    });
    expect(found!.labels).toEqual(
      expected!.labels.map(({ label, score }) => ({ label: label.slice(2), score })),
    );
  });
});

describe('text matching', () => {
  let pengi: Pengi;
  beforeAll(async () => {
    pengi = await pengiOf(BASE);
  });
  afterAll(() => pengi.dispose());

  /** Text matching with given answers. */
  const matched = (texts: string[], labels: string[], options: ClassifyOptions = {}) => {
    const answers = texts.map((text) => ({
      text,
      score: -1,
      finished: true,
      alternatives: [],
      warnings: ['w'],
    }));
    const hear = () => expect.unreachable();
    return classify({ ...pengi, generate: async () => answers }, hear, INPUTS, labels, options);
  };

  it('compares answers with labels by the cosines of their text embeddings', async () => {
    const texts = ['a dog barks', 'rain falls'];
    const found = await matched(texts, ['cat', 'violin', 'dog'], { template: 'a {}' });
    const labels = await pengi.embedText(['a cat', 'a violin', 'a dog']);
    for (const [i, text] of texts.entries()) {
      const embedding = numbers(await pengi.embedText([text]));
      const cosine = (j: number) => sum(embedding.map((x, e) => x * labels.data[j * embedding.length + e]!));
      const expected = ['cat', 'violin', 'dog'].map((label, j) => ({ label, score: cosine(j) }));
      expected.sort((a, b) => b.score - a.score);
      expect(found[i]!.labels.map(({ label }) => label)).toEqual(expected.map(({ label }) => label));
      for (const [rank, { score }] of found[i]!.labels.entries())
        expect(score).toBeCloseTo(expected[rank]!.score, 5);
    }
    expect(found.map(({ answer, warnings }) => ({ answer, warnings }))).toEqual(
      texts.map((answer) => ({ answer, warnings: ['w'] })),
    );
  });

  it('finds the label that is the answer', async () => {
    const found = await matched(['a violin', 'a cat'], LABELS);
    for (const [i, label] of ['a violin', 'a cat'].entries()) {
      expect(found[i]!.labels[0]!.label).toBe(label);
      expect(found[i]!.labels[0]!.score).toBeCloseTo(1, 5);
    }
  });

  it('leaves out what the text encoder of a small model does not know, and says so', async () => {
    const [found, expected] = [
      await matched(['a dogcat barks', 'violinrain'], LABELS),
      await matched(['a barks', ''], LABELS),
    ];
    expect(found.map(({ labels }) => labels)).toEqual(expected.map(({ labels }) => labels));
    expect(found.map(({ answer }) => answer)).toEqual(['a dogcat barks', 'violinrain']);
    expect(found.map(({ warnings }) => warnings[1])).toEqual([
      'the text encoder does not know "dogcat" of the answer, which it is compared without',
      'the text encoder does not know "violinrain" of the answer, which it is compared without',
    ]);
  });

  it('asks "generate metadata" unless told otherwise', async () => {
    for (const prompt of [undefined, 'generate audio caption']) {
      const found = await pengi.classify(INPUTS, LABELS, prompt === undefined ? {} : { prompt });
      const answers = await pengi.generate(INPUTS, { prompt: prompt ?? 'generate metadata' });
      expect(found.map(({ answer }) => answer)).toEqual(answers.map(({ text }) => text));
    }
  });
});

describe('classification', () => {
  let pengi: Pengi;
  let other: Pengi;
  beforeAll(async () => {
    [pengi, other] = await Promise.all([pengiOf(BASE), pengiOf(NO_TEXT_ENCODER)]);
  });
  afterAll(() => Promise.all([pengi.dispose(), other.dispose()]));

  it('is by text matching where there is a text encoder', async () => {
    expect((await pengi.classify(INPUTS, LABELS))[0]!.answer).toBeTypeOf('string');
    const [byDefault] = await other.classify(INPUTS, LABELS);
    expect(byDefault).toEqual((await other.classify(INPUTS, LABELS, { method: 'logLikelihood' }))[0]);
    await expect(other.classify(INPUTS, LABELS, { method: 'textMatching' })).rejects.toMatchObject({
      code: 'E_USAGE',
      message: 'this model has no text encoder',
    });
  });

  it.each<[string, string[], ClassifyOptions, object]>([
    ['no labels', [], {}, { code: 'E_USAGE', message: 'no labels to choose from' }],
    ['an empty label', ['a cat', ' '], {}, { code: 'E_USAGE', message: 'label 2 is empty' }],
    [
      'a template without a place',
      ['cat', 'dog'],
      { template: 'a sound' },
      { code: 'E_USAGE', message: 'the template "a sound" has no place for the label' },
    ],
    [
      'unknown words',
      ['a trombone'],
      { method: 'logLikelihood' },
      { code: 'E_TEXT', message: expect.stringContaining('this model does not know') },
    ],
  ])('refuses %s', async (_what, labels, options, error) => {
    await expect(pengi.classify(INPUTS, labels, options)).rejects.toMatchObject(error);
  });

  it('refuses labels that are longer than what there are positions for', async () => {
    const small = await pengiOf(withPositions(20));
    const label = (tokens: number) => `a${' dog'.repeat(tokens - 1)}`;
    const scored = (labels: string[]) => small.classify(INPUTS, labels, { method: 'logLikelihood' });
    expect((await scored(['a cat', label(4)]))[0]!.labels).toHaveLength(2);
    await expect(scored(['a cat', label(5)])).rejects.toMatchObject({
      code: 'E_TEXT',
      message: 'label 2 has 6 tokens with its end, at most 5 fit after the prefix',
    });
    await small.dispose();
  });
});
