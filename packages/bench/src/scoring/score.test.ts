import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootstrapInterval, type ExternalScorer, meanAveragePrecision } from '@pengi/metrics';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createClipSource,
  type Evaluation,
  type Predictor,
  runBench,
  type ScoreRunOptions,
  scoreRun,
} from '../index.js';
import {
  ANIMALS,
  animalExpert,
  embedding,
  evaluation,
  numberOf,
  writeRecordings,
} from '../testing/evaluations.js';
import { mapInterval } from './closed.js';
import { normalised } from './questions.js';

let dir: string;
let recordings: string[];
let runs = 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-score-'));
  recordings = await writeRecordings(dir, 6);
});
afterAll(() => rm(dir, { recursive: true }));

async function resultOf(task: Evaluation, predictor: Predictor, options: ScoreRunOptions = {}) {
  const run = join(dir, `run-${runs++}`);
  const identity = { weightsSha256: predictor.name, version: '1' };
  await runBench({ run, evaluations: [task], predictor, identity, clips: createClipSource({}, 0) });
  const { results } = await scoreRun(run, options);
  return results[0]!;
}

/** Says the same of a recording whatever it is asked. */
function speaker(texts: readonly string[], more: Partial<Predictor> = {}): Predictor {
  return {
    name: 'speaker',
    generate: async (clips) => clips.map((clip) => texts[numberOf(clip)] as string),
    ...more,
  };
}

const withEncoder = { embedText: async (texts: readonly string[]) => texts.map(embedding) };

describe('several labels', () => {
  it('scores cosines by mAP, and the best label by F1', async () => {
    const truth = [['dog'], ['cat'], ['cow'], ['dog', 'cat'], [], ['cow']];
    const task = evaluation(recordings, {
      kind: 'multi-label',
      metric: 'mAP',
      item: (i) => ({ labels: truth[i]! }),
    });
    const result = await resultOf(task, speaker(['dog', 'cat', 'cow', 'dog', 'cat', 'dog cow'], withEncoder));
    // Cosines of a text's direction with a label's. Average precision by hand: of the two texts as near to "cat" one is right,
    // and one of the four as far: 1/2 · 1/2 + 1/2 · 2/6.
    const [dog, cat, cow] = result.perClass!.map(({ value }) => value);
    expect([dog, cow]).toEqual([1, 1]);
    expect(cat).toBeCloseTo(5 / 12, 12);
    expect(result.value).toBeCloseTo((1 + 5 / 12 + 1) / 3, 12);
    // Best labels: dog, cat, cow, dog, cat, dog (the first of equals): 4 hits of 6, and 2 of the 6 expected are missed.
    expect(result.metrics.f1).toBeCloseTo(8 / 12, 12);
    // By cosines from a half on, "dog cow" is both: 5 hits of 7, and 1 missed.
    expect(result.metrics['f1, cosine ≥ 0.5']).toBeCloseTo(10 / 13, 12);
  });

  it('gives mAP the interval that drawing items and computing it anew gives, less the bias of the draws', () => {
    const scores = Array.from({ length: 30 }, (_, i) => [
      ((i * 7) % 11) / 11,
      ((i * 5) % 4) / 4,
      (i % 3) / 3,
    ]);
    const targets = scores.map((_, i) => [i % 2 === 0, i % 5 === 0, i % 7 < 3]);
    const drawn: number[] = [];
    const direct = bootstrapInterval(
      scores.map((_, i) => i),
      (sample) => {
        const { mean } = meanAveragePrecision(
          sample.map((i) => scores[i]!),
          sample.map((i) => targets[i]!),
        );
        drawn.push(mean);
        return mean;
      },
      { seed: 0, samples: 1000 },
    );
    const bias =
      drawn.reduce((sum, value) => sum + value, 0) / 1000 - meanAveragePrecision(scores, targets).mean;
    const fast = mapInterval(scores, targets);
    expect(fast.low).toBeCloseTo(direct.low - bias, 12);
    expect(fast.high).toBeCloseTo(direct.high - bias, 12);
  });

  it('gives mAP an interval around it, with many classes of few items too', () => {
    // A class of its own for each item, and scores in no order.
    const targets = Array.from({ length: 20 }, (_, i) => Array.from({ length: 20 }, (_, k) => i === k));
    const scores = targets.map((row, i) => row.map((_, k) => ((i * 7 + k * 11 + i * k) % 20) / 20));
    const { mean } = meanAveragePrecision(scores, targets);
    const { low, high } = mapInterval(scores, targets);
    expect(low).toBeLessThan(mean);
    expect(high).toBeGreaterThan(mean);
  });
});

describe('one label', () => {
  it('reads the part of the answer that the task is about', async () => {
    const task = evaluation(recordings, { part: (answer) => answer.split(':')[1] ?? '' });
    const texts = recordings.map((_, i) => `dog: a ${ANIMALS[i % 3]}`);
    const parts = { animals: (answer: string) => answer.split(':')[1] ?? '' };
    const result = await resultOf(task, speaker(texts, withEncoder), { parts });
    expect(result).toMatchObject({ value: 1, unread: 0 });
  });

  it('takes an empty answer for no label, never for the first', async () => {
    const task = evaluation(recordings, { item: () => ({ labels: ['dog'] }) });
    const result = await resultOf(task, speaker(['', ' ', 'dog', 'dog', 'dog', 'dog'], withEncoder));
    expect(result).toMatchObject({ unread: 2, chance: { random: 1 / 3, constant: 1 } });
    expect(result.value).toBeCloseTo(4 / 6, 12);
    expect(result.items[0]).toMatchObject({ prediction: null, score: 0 });
  });

  it('scores simple baselines on the same items', async () => {
    const run = join(dir, `run-${runs++}`);
    const scores = recordings.map((_, i) => (i === 0 ? null : [1, 0, 0]));
    await runBench({
      run,
      evaluations: [evaluation(recordings)],
      predictor: animalExpert(),
      identity: { weightsSha256: 'x', version: '1' },
      clips: createClipSource({}, 0),
      baselines: async () => [{ name: 'always dog', scores }],
    });
    const { results } = await scoreRun(run);
    expect(results[0]?.baselines).toMatchObject([{ system: 'always dog', value: 1 / 6 }]);
  });
});

describe('captions', () => {
  const task = () =>
    evaluation(recordings, {
      kind: 'captioning',
      metric: 'spider',
      item: (i) => ({ references: [`a ${ANIMALS[i % 3]} is heard`, `there is a ${ANIMALS[i % 3]}`] }),
    });
  const texts = ['a dog is heard', 'a cat', 'a cow is heard', 'a cat', 'there is a cat', 'nothing at all'];

  it('says that SPIDEr was not computed, and never gives 0 for it', async () => {
    const result = await resultOf(task(), speaker(texts));
    expect(result).toMatchObject({ value: null, difference: null, paper: 0.9 });
    expect(result.notComputed).toHaveProperty('spider');
    expect(result.metrics).not.toHaveProperty('spider');
    expect(result.metrics.rouge_l).toBeGreaterThan(0);
    expect(result.items.map(({ score }) => score).some((score) => score > 0)).toBe(true);
  });

  it('has SPIDEr where SPICE is', async () => {
    const half = recordings.map(() => 0.5);
    const external: ExternalScorer = {
      meteor: async () => ({ corpus: 0.5, sentences: half }),
      spice: async () => ({ corpus: 0.5, sentences: half }),
    };
    const result = await resultOf(task(), speaker(texts), { external });
    expect(result.value).toBeCloseTo((0.5 + (result.metrics.cider_d as number)) / 2, 12);
    expect(result.interval?.low).toBeLessThan(result.value as number);
  });
});

describe('questions', () => {
  it('compares answers in every way side by side', async () => {
    const task = evaluation(recordings.slice(0, 4), {
      kind: 'question-answering',
      item: (i) => ({
        prompt: `question: which animal is in ${i}?`,
        references: [
          ['dog', 'dog', 'cat'],
          ['a cat', 'a cat', 'a cat'],
          ['cow', 'dog', 'no'],
          ['cat', 'dog', 'dog'],
        ][i]!,
      }),
    });
    const { metrics, value, chance, items } = await resultOf(
      task,
      speaker(['dog', 'Cat.', 'it is a cow', 'cat cow'], withEncoder),
    );
    const rows = (matcher: string) =>
      ['each', 'any', 'majority', 'unanimous'].map((vote) => metrics[`${matcher}, ${vote}`]);
    // By hand. exact: 2/3, 0, 0, 0; normalised: 2/3, 1, 0, 0; contains: 2/3, 1, 1/3, 1/3
    const near = (expected: number[]) => expected.map((x) => expect.closeTo(x, 12));
    expect(rows('exact')).toEqual(near([2 / 12, 1 / 4, 1 / 4, 0]));
    expect(rows('normalised')).toEqual(near([5 / 12, 2 / 4, 2 / 4, 1 / 4]));
    expect(rows('contains')).toEqual(near([7 / 12, 1, 2 / 4, 1 / 4]));
    // "it is a cow" is nearest to "cow"; "cat cow" as near to "cat" as to "cow": the first of the answers met is "cat".
    expect(rows('textEncoder')).toEqual(near([7 / 12, 1, 2 / 4, 1 / 4]));
    expect(value).toBeCloseTo(2 / 12, 12);
    const majority = await resultOf({ ...task, answers: 'majority' }, speaker(['dog', 'cat', 'cow', 'cat']));
    expect(majority.value).toBeCloseTo(1 / 4, 12);
    // "dog" to everything: 2/3, 0, 1/3, 2/3
    expect(chance?.constant).toBeCloseTo(5 / 12, 12);
    expect(items[0]?.answer).toBe('question: which animal is in 0? → dog');
  });

  it('is asked in one batch of a model that takes a prompt for each clip', async () => {
    const batches: (readonly string[])[] = [];
    const task = evaluation(recordings, {
      kind: 'question-answering',
      item: (i) => ({ prompt: `question: ${i % 2}?`, references: ['0'] }),
    });
    const predictor = speaker([], {
      generateEach: async (_, prompts) => {
        batches.push(prompts);
        return prompts.map((prompt) => prompt.slice(-2, -1));
      },
    });
    const { value, notComputed } = await resultOf(task, predictor);
    expect(batches).toHaveLength(1);
    expect(value).toBe(0.5);
    expect(notComputed).toEqual({ textEncoder: 'the model has no text encoder' });
  });

  it.each([
    ['The  Dog.', 'dog'],
    ['Yes!', 'yes'],
    ['an owl, a bird', 'owl bird'],
  ])('normalises "%s"', (text, expected) => {
    expect(normalised(text)).toBe(expected);
  });
});

describe('retrieval', () => {
  const item = (i: number) => ({ references: [`${ANIMALS[i]} one`, `${ANIMALS[i]} two`] });
  const three = () => recordings.slice(0, 3);
  const texts = ['a dog', 'a cow', 'a cow'];

  it('finds recordings by generated captions and by embeddings', async () => {
    const task = evaluation(three(), { kind: 'text-to-audio', metric: 'recall@1', item });
    const model = speaker(texts, {
      ...withEncoder,
      embedAudio: async (clips) => clips.map((clip) => embedding(ANIMALS[numberOf(clip)]!)),
    });
    const { methods, value, recallCurves, chance, items } = await resultOf(task, model);
    expect(methods.map(({ method }) => method)).toEqual(['captions', 'embeddings']);
    // dog: first; cat: all recordings are as far, the second by order; cow: second and third recording alike.
    // ranks with ties by order: dog 1, 1; cat: cos(cat, dog-caption) = cos(cat, cow-caption), own is 2nd of equals; cow: 2
    expect(value).toBeCloseTo(2 / 6, 12);
    expect(methods[0]?.metrics['recall@5']).toBe(1);
    expect(methods[1]?.value).toBe(1);
    expect(recallCurves?.[0]?.recall.slice(0, 2)).toEqual([2 / 6, 1]);
    expect(chance?.random).toBeCloseTo(1 / 3, 12);
    expect(items.map(({ score }) => score)).toEqual([1, 0, 0]);
  });

  it('finds captions of recordings: any of their own counts', async () => {
    const task = evaluation(three(), { kind: 'audio-to-text', metric: 'recall@1', item });
    const { value, metrics, items } = await resultOf(task, speaker(texts, withEncoder));
    expect(value).toBeCloseTo(2 / 3, 12); // the dog's and the cow's; what is called a cow is none of the cat's
    expect(items[1]).toMatchObject({ prediction: 'cow one', score: 0 });
    expect(metrics['recall@1, ties last']).toBeLessThanOrEqual(value as number);
  });
});
