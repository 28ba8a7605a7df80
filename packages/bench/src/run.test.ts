import { describe, expect, it } from 'vitest';
import {
  accuracyMetric,
  collectAnswers,
  defineTask,
  type Predictor,
  type Question,
  runTask,
  scoreAnswers,
  type TaskItem,
} from './index.js';

const items: TaskItem<string>[] = ['dog', 'cat', 'dog', 'cow', 'dog'].map((expected, i) => ({
  id: `clip ${i}`,
  audio: `${i}.wav`,
  expected,
}));

function animals(question: Question, theseItems: readonly TaskItem<string>[] = items) {
  return defineTask({
    id: 'animals',
    version: 2,
    title: 'Animals',
    items: theseItems,
    question,
    read: (answer: string) => (answer === '?' ? null : answer),
    metrics: { accuracy: accuracyMetric<string, string>() },
  });
}

const listen: Question = { method: 'generate', prompt: 'this is a sound of' };
const choose: Question = { method: 'zeroShot', labels: ['cat', 'dog', 'cow'] };

/** Says "dog" to everything, and "?" to clip 3. */
const dogs: Predictor = {
  name: 'dogs',
  generate: async (clips) => clips.map(({ audio }) => (audio === '3.wav' ? '?' : 'dog')),
};

describe('runTask', () => {
  it('records every answer with value, interval, baselines and provenance', async () => {
    const provenance = { commit: 'abc', seed: 1 };
    const baselines = [{ name: 'cats', predictions: items.map(() => 'cat') }];
    const record = await runTask(animals(listen), dogs, { provenance, baselines, batchSize: 2 });
    expect(record).toMatchObject({
      format: 1,
      task: { id: 'animals', version: 2, title: 'Animals' },
      predictor: 'dogs',
      metric: 'accuracy',
      value: 0.6,
      metrics: { accuracy: 0.6 },
      items: 5,
      unread: 1,
      settings: { method: 'generate', prompt: 'this is a sound of', batchSize: 2 },
      provenance,
    });
    // scipy 1.17.1: binomtest(k, 5).proportion_ci(0.95, 'exact') for k = 3 and 1
    expect(record.interval?.low).toBeCloseTo(0.14663279963467254, 9);
    expect(record.interval?.high).toBeCloseTo(0.9472550494736843, 9);
    expect(record.baselines).toMatchObject([{ name: 'cats', value: 0.2 }]);
    expect(record.baselines[0]?.interval?.high).toBeCloseTo(0.7164179361180895, 9);
    expect(record.predictions[2]).toEqual({
      id: 'clip 2',
      expected: 'dog',
      answer: 'dog',
      prediction: 'dog',
      correct: true,
    });
    expect(record.predictions[3]).toMatchObject({ answer: '?', prediction: null, correct: false });
    expect(JSON.parse(JSON.stringify(record))).toEqual(record);
  });

  it('never takes an unread answer for a right one', async () => {
    const generous = defineTask({ ...animals(listen), correct: () => true });
    const { predictions } = await runTask(generous, dogs);
    expect(predictions.map(({ correct }) => correct)).toEqual([true, true, true, false, true]);
  });

  it('asks in batches and keeps the order', async () => {
    const sizes: number[] = [];
    const echo: Predictor = {
      name: 'echo',
      async generate(clips) {
        sizes.push(clips.length);
        return clips.map(({ audio }) => audio);
      },
    };
    const record = await runTask(animals(listen), echo, { batchSize: 2 });
    expect(sizes).toEqual([2, 2, 1]);
    expect(record.predictions.map(({ answer }) => answer)).toEqual(items.map(({ audio }) => audio));
  });

  it('asks items with a prompt of their own apart', async () => {
    const asked: [string, number][] = [];
    const echo: Predictor = {
      name: 'echo',
      async generate(clips, prompt) {
        asked.push([prompt, clips.length]);
        return clips.map(() => prompt);
      },
    };
    const own = items.map((item, i) => (i % 2 === 1 ? { ...item, prompt: 'what is it' } : item));
    const record = await runTask(animals(listen, own), echo);
    expect(asked).toEqual([
      ['this is a sound of', 3],
      ['what is it', 2],
    ]);
    expect(record.predictions.map(({ answer }) => answer)).toEqual(
      own.map(({ prompt }) => prompt ?? 'this is a sound of'),
    );
  });

  it('answers with the best label, the first of equals, and keeps all scores', async () => {
    const scores = [
      [0, 2, 1],
      [1, 1, 0],
      [-3, -2, -1],
      [0, 0, 0],
      [0, 1, 0],
    ];
    const scorer: Predictor = {
      name: 'scorer',
      zeroShot: async (clips) => clips.map(({ audio }) => scores[Number.parseInt(audio, 10)] ?? []),
      scoreLabels: async (clips, labels, prompt) =>
        clips.map(() => labels.map((label) => (prompt.includes(label) ? 1 : 0))),
    };
    const record = await runTask(animals(choose), scorer);
    expect(record.predictions.map(({ prediction }) => prediction)).toEqual([
      'dog',
      'cat',
      'cow',
      'cat',
      'dog',
    ]);
    expect(record.predictions[2]?.scores).toEqual([-3, -2, -1]);
    const labelled = await runTask(
      animals({ method: 'scoreLabels', labels: ['dog', 'cow'], prompt: 'is it a cow' }),
      scorer,
    );
    expect(labelled.predictions.every(({ answer }) => answer === 'cow')).toBe(true);
  });

  it('reports how far it is', async () => {
    const seen: string[] = [];
    await runTask(animals(listen), dogs, {
      batchSize: 2,
      progress: (label) => {
        seen.push(label);
        return { update: (done, total) => seen.push(`${done}/${total}`), end: () => seen.push('end') };
      },
    });
    expect(seen).toEqual(['dogs: animals', '2/5', '4/5', '5/5', 'end']);
  });

  it.each([
    [listen, {}, 'x cannot generate'],
    [choose, { generate: async () => [] }, 'x cannot zeroShot'],
    [listen, { generate: async () => ['dog'] }, 'gave 1 values where 5 are expected'],
    [
      listen,
      { generate: async () => items.map(() => undefined as unknown as string) },
      'gave undefined where text',
    ],
    [choose, { zeroShot: async () => items.map(() => [1, 2]) }, 'gave 2 values where 3 are expected'],
    [choose, { zeroShot: async () => items.map(() => [1, Number.NaN, 2]) }, 'scores that are no numbers'],
  ])('says what is wrong with a predictor %#', async (question, methods, message) => {
    await expect(runTask(animals(question), { name: 'x', ...methods })).rejects.toThrow(message);
  });

  it('keeps a predictor’s own `this`', async () => {
    class Model {
      readonly name = 'model';
      readonly answer = 'dog';
      async generate(clips: readonly unknown[]) {
        return clips.map(() => this.answer);
      }
    }
    expect((await runTask(animals(listen), new Model())).value).toBe(0.6);
  });
});

describe('scoreAnswers', () => {
  it('scores stored answers again, without the predictor', async () => {
    const answers = JSON.parse(JSON.stringify(await collectAnswers(animals(listen), dogs)));
    const stricter = defineTask({ ...animals(listen), version: 3, correct: () => false });
    expect(scoreAnswers(animals(listen), answers).value).toBe(0.6);
    expect(scoreAnswers(stricter, answers)).toMatchObject({ value: 0, task: { version: 3 } });
  });

  it('refuses answers to another question, to other items, and baselines of another length', async () => {
    const answers = await collectAnswers(animals(listen), dogs);
    expect(() => scoreAnswers(animals(choose), answers)).toThrow('another question or items');
    expect(() => scoreAnswers(animals(listen, items.slice(1)), answers)).toThrow('another question or items');
    const baselines = [{ name: 'short', predictions: ['dog'] }];
    expect(() => scoreAnswers(animals(listen), answers, { baselines })).toThrow('1 predictions for 5 items');
  });
});

describe('defineTask', () => {
  it('refuses no items, repeated ids and repeated labels', () => {
    expect(() => animals(listen, [])).toThrow('task animals: no items');
    expect(() => animals(listen, [...items, ...items.slice(1, 2)])).toThrow('two items have the id "clip 1"');
    expect(() => animals({ ...choose, labels: ['cat', 'dog', 'cat'] } as Question)).toThrow(
      'the label "cat" is listed twice',
    );
  });
});
