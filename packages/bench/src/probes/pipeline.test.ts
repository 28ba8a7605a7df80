import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeWav } from '@pengi/audio-frontend';
import { floats } from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embedTask, type HearEncoder } from './embed-task.js';
import { readEmbeddings } from './embeddings.js';
import type { ProbeOptions, ProbeResult } from './protocol.js';
import { aggregated, predictedScores, probeRows, probeTable } from './result.js';
import { probeTask } from './run-task.js';
import { findHearTasks, hearRate, readHearTask } from './task-folder.js';

const RATE = 16000;
let root: string;
let engine: Engine;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'probes-'));
  engine = await createEngine('jit', { threads: 1 });
});
afterAll(async () => {
  await rm(root, { recursive: true });
});

const LABELS = ['low', 'high'];
const tone = (label: string, i: number, n: number) =>
  Math.sin((label === 'low' ? 0.02 : 0.4) * (1 + 0.01 * i) * n) * 0.5;

interface TaskFiles {
  metadata: Record<string, unknown>;
  splits: Record<string, Record<string, unknown>>;
  sound: (file: string) => Float32Array;
}

async function writeTask(name: string, { metadata, splits, sound }: TaskFiles): Promise<string> {
  const dir = join(root, name);
  await mkdir(dir, { recursive: true });
  await writeFile(
    join(dir, 'labelvocabulary.csv'),
    `idx,label\n${LABELS.map((l, i) => `${i},${l}`).join('\n')}\n`,
  );
  const all = {
    task_name: name,
    version: '1',
    sample_duration: 0.1,
    splits: Object.keys(splits),
    ...metadata,
  };
  await writeFile(join(dir, 'task_metadata.json'), JSON.stringify(all));
  for (const [split, clips] of Object.entries(splits)) {
    await writeFile(join(dir, `${split}.json`), JSON.stringify(clips));
    await mkdir(join(dir, String(RATE), split), { recursive: true });
    for (const file of Object.keys(clips)) {
      const wav = encodeWav({ channels: [sound(file)], sampleRate: RATE });
      await writeFile(join(dir, String(RATE), split, file), wav);
    }
  }
  return dir;
}

/** Four clips of each label in each split, named by fold, label and number. */
function sceneTask(name: string, splits: string[], metadata: Record<string, unknown>): Promise<string> {
  const clips = (split: string) =>
    Object.fromEntries(
      LABELS.flatMap((label) => [0, 1, 2, 3].map((i) => [`${split}_${label}_${i}.wav`, [label]])),
    );
  return writeTask(name, {
    metadata: { embedding_type: 'scene', prediction_type: 'multiclass', ...metadata },
    splits: Object.fromEntries(splits.map((split) => [split, clips(split)])),
    sound: (file) => {
      const [, label, i] = file.replace('.wav', '').split('_');
      return Float32Array.from({ length: 1600 }, (_, n) => tone(label!, Number(i), n));
    },
  });
}

/** Energy and crossings of zero, of the whole or of frames of 10 ms. */
function encoder(change: Partial<HearEncoder> = {}): HearEncoder & { calls: number } {
  const features = (sound: Float32Array): number[] => {
    const crossings = sound.filter((value, i) => i > 0 && value > 0 !== sound[i - 1]! > 0).length;
    const energy = sound.reduce((sum, value) => sum + value * value, 0);
    return [energy / sound.length, crossings / sound.length, 1];
  };
  const own = {
    calls: 0,
    name: 'simple',
    key: 'v1',
    sampleRate: RATE,
    async sceneEmbeddings(sounds: readonly Float32Array[]) {
      own.calls++;
      return floats(sounds.flatMap(features), [sounds.length, 3]);
    },
    async timestampEmbeddings(sounds: readonly Float32Array[]) {
      own.calls++;
      const frames = Math.floor(sounds[0]!.length / 160);
      const starts = Array.from({ length: frames }, (_, i) => 160 * i);
      const rows = sounds.flatMap((sound) =>
        starts.flatMap((from) => features(sound.subarray(from, from + 160))),
      );
      return {
        embeddings: floats(rows, [sounds.length, frames, 3]),
        timestamps: floats(
          sounds.flatMap(() => starts.map((from) => (1000 * (from + 80)) / RATE)),
          [sounds.length, frames],
        ),
      };
    },
    ...change,
  };
  return own;
}

const folds = { split_mode: 'presplit_kfold', evaluation: ['top1_acc', 'mAP', 'd_prime', 'aucroc'] };
const quick = {
  evaluation_params: { task_specific_param_grid: { max_epochs: [60], hidden_dim: [64], lr: [0.03, 0.01] } },
};
const options = (): Pick<ProbeOptions, 'engine' | 'points'> => ({ engine, points: 4 });
const json = async (...path: string[]) => JSON.parse(await readFile(join(...path), 'utf8'));

describe('a task of scenes in folds', () => {
  const names = ['fold00', 'fold01', 'fold02'];

  it('is embedded in the files of the kit', async () => {
    const task = await readHearTask(await sceneTask('files', names, folds));
    const dir = await embedTask(task, encoder(), join(root, 'out'));
    expect(dir).toBe(join(root, 'out', 'simple', 'files'));
    expect(await json(dir, 'fold00.embedding-dimensions.json')).toEqual([8, 3]);
    expect((await readFile(join(dir, 'fold00.embeddings.npy'))).length).toBe(8 * 3 * 4);
    expect(await json(dir, 'fold01', 'fold01_low_2.wav.target-labels.json')).toEqual(['low']);
    // The order of random.Random(0).shuffle over the splits one after another: the second order of 8 in CPython 3.11.
    const labels = await json(dir, 'fold01.target-labels.json');
    const order = [1, 0, 4, 5, 3, 2, 7, 6];
    expect(labels).toEqual(order.map((i) => [LABELS[i < 4 ? 0 : 1]]));
    const { splits, size } = await readEmbeddings(dir);
    expect(size).toBe(3);
    const { x, y } = splits.get('fold01')!;
    for (let i = 0; i < 8; i++) expect(x[3 * i + 1]! > 0.05).toBe(y[2 * i + 1] === 1);
  });

  it('gives every probe a score, and what HEAR reads of the best', async () => {
    const dir = await sceneTask('esc50', names, { ...folds, ...quick });
    const model = encoder();
    const first = await probeTask(dir, { ...options(), encoder: model, out: join(root, 'run') });
    expect(first.results.map(({ probe }) => probe)).toEqual(['L1', 'L2', 'L3', 'hear']);
    for (const { folds: results } of first.results.slice(1))
      expect(results.map(({ test, scores }) => [test, scores.top1_acc])).toEqual(
        names.map((name) => [name, 1]),
      );
    const out = join(root, 'run', 'simple', 'esc50');
    const scores = await json(out, 'test.predicted-scores.json');
    expect(Object.keys(scores)).toEqual([
      ...names,
      'aggregated_scores',
      'hparams',
      'postprocessing',
      'score_mode',
      'embedding_path',
    ]);
    expect(Object.keys(scores.fold00).sort()).toEqual([
      'epoch',
      'test_aucroc',
      'test_d_prime',
      'test_loss',
      'test_mAP',
      'test_score',
      'test_top1_acc',
      'time_in_min',
      'validation_score',
    ]);
    expect(scores).toMatchObject({
      aggregated_scores: { test_top1_acc_mean: 1, test_top1_acc_std: 0 },
      postprocessing: [],
      score_mode: 'max',
    });
    expect(scores.fold00.test_d_prime).toBeNull(); // infinite, which JSON does not have
    expect((await json(out, 'test.predicted-scores.L1.json')).hparams.hidden_layers).toBe(0);

    // Nothing is made again, unless the encoder is another one.
    const calls = model.calls;
    const again = await probeTask(dir, { ...options(), encoder: model, out: join(root, 'run') });
    expect(JSON.stringify(again.results)).toBe(
      JSON.stringify(await json(out, 'probes.json').then((r) => r.results)),
    );
    expect(model.calls).toBe(calls);
    const other = encoder({ key: 'v2' });
    await probeTask(dir, { ...options(), probes: ['L1'], encoder: other, out: join(root, 'run') });
    expect(other.calls).toBe(calls);
  });

  it("stands beside the paper's number", async () => {
    const fold = (value: number) => ({
      test: 'x',
      scores: { top1_acc: value },
      loss: 0,
      validationScore: value,
      epoch: 2,
      seconds: 1,
    });
    const result = { probe: 'L3', folds: [fold(0.9), fold(1)], search: [] } as unknown as ProbeResult;
    const rows = probeRows([
      { task: 'esc50-v2', taskName: 'esc50', score: 'top1_acc', encoder: 'e', results: [result], notes: [] },
    ]);
    expect(rows[0]).toMatchObject({ value: 0.95, paper: 0.9485, folds: 2 });
    expect(rows[0]!.std).toBeCloseTo(0.0707107, 6);
    expect(probeTable(rows).cells[0]!.slice(-2)).toEqual(['0.9485', '+0.0015']);
  });
});

describe('a task of events', () => {
  const metadata = {
    embedding_type: 'event',
    prediction_type: 'multilabel',
    split_mode: 'trainvaltest',
    evaluation: ['event_onset_200ms_fms', 'segment_1s_er'],
    ...quick,
  };
  /** 2 s: "low" in the first half second, "high" from 1 s to 1.6 s, silence elsewhere. */
  const events = [
    { label: 'low', start: 0, end: 500 },
    { label: 'high', start: 1000, end: 1600 },
  ];
  const write = (name: string, change: Record<string, unknown> = {}) =>
    writeTask(name, {
      metadata: { ...metadata, ...change },
      splits: Object.fromEntries(
        ['train', 'valid', 'test'].map((split) => [
          split,
          { [`${split}_0.wav`]: events, [`${split}_1.wav`]: events },
        ]),
      ),
      sound: () =>
        Float32Array.from({ length: 2 * RATE }, (_, n) => {
          const event = events.find(
            ({ start, end }) => (1000 * n) / RATE >= start && (1000 * n) / RATE < end,
          );
          return event ? tone(event.label, 0, n) : 0;
        }),
    });

  it('is embedded frame by frame', async () => {
    const dir = await embedTask(await readHearTask(await write('frames')), encoder(), join(root, 'out'));
    expect(await json(dir, 'test.embedding-dimensions.json')).toEqual([400, 3]);
    const times = await json(dir, 'test.filename-timestamps.json');
    expect([times.length, times[0][1], times[1][1]]).toEqual([400, 5, 15]);
    const labels = await json(dir, 'test', 'test_0.wav.target-labels.json');
    expect([labels[0], labels[49], labels[50], labels[100], labels[160]]).toEqual([
      ['low'],
      ['low'],
      [],
      ['high'],
      [],
    ]);
  });

  it('finds its events', async () => {
    const { results } = await probeTask(await write('dcase'), {
      ...options(),
      probes: ['hear'],
      encoder: encoder(),
      out: join(root, 'run'),
    });
    const [fold] = results[0]!.folds;
    expect(fold!.scores).toMatchObject({
      event_onset_200ms_fms: 1,
      event_onset_200ms_fms_precision: 1,
      event_onset_200ms_fms_recall: 1,
      segment_1s_er: 0,
    });
    // Both settings of the kit's grid are as good: the larger one wins.
    expect(fold!.postprocessing).toEqual({ median_filter_ms: 250, min_duration: 250 });
    const file = predictedScores(results[0]!, 'event_onset_200ms_fms', 'x');
    expect(file.postprocessing).toEqual([
      ['median_filter_ms', 250],
      ['min_duration', 250],
    ]);
    expect(file).not.toHaveProperty('aggregated_scores');
  });

  it('selects by the loss where it says so', async () => {
    const dir = await write('loss', {
      use_scoring_for_early_stopping: false,
      evaluation_params: {
        ...quick.evaluation_params,
        event_postprocessing_grid: { median_filter_ms: [150], min_duration: [50] },
      },
    });
    const { results } = await probeTask(dir, {
      ...options(),
      probes: ['L2'],
      encoder: encoder(),
      out: join(root, 'run'),
    });
    const [fold] = results[0]!.folds;
    expect(fold!.validationScore).toBeLessThan(Math.LN2); // of a probe that knows nothing
    expect(fold!.postprocessing).toEqual({ median_filter_ms: 150, min_duration: 50 });
  });
});

describe('scores over folds', () => {
  it('leave out what is no number, as pandas does', () => {
    const { a_mean, a_std } = aggregated([{ a: 1 }, { a: Number.NaN }, { a: 4 }]);
    expect(a_mean).toBe(2.5);
    expect(a_std).toBeCloseTo(2.1213203, 6);
  });
});

describe('folders that are no task', () => {
  const scenes = { embedding_type: 'scene', prediction_type: 'multiclass', ...folds };
  const splits = (third: Record<string, unknown>) => ({
    fold00: { 'a.wav': ['low'] },
    fold01: { 'b.wav': ['high'] },
    fold02: third,
  });
  const silence = () => new Float32Array(160);

  it.each<[string, Record<string, unknown>, Record<string, Record<string, unknown>>, string, RegExp]>([
    ['an unknown label', scenes, splits({ 'c.wav': ['middle'] }), 'E_DATA', /middle/],
    ['a file in two splits', scenes, splits({ 'a.wav': ['low'] }), 'E_DATA', /a\.wav.*fold00/],
    ['two labels of one clip', scenes, splits({ 'c.wav': ['low', 'high'] }), 'E_DATA', /2 labels/],
    ['an unknown score', { ...scenes, evaluation: ['bleu'] }, splits({}), 'E_CONFIG', /evaluation/],
    ['scores of events', { ...scenes, evaluation: ['segment_1s_er'] }, splits({}), 'E_CONFIG', /evaluation/],
    ['splits without a test', { ...scenes, split_mode: 'trainvaltest' }, splits({}), 'E_CONFIG', /splits/],
  ])('such as %s', async (what, metadata, files, code, message) => {
    const dir = await writeTask(`bad ${what}`, { metadata, splits: files, sound: silence });
    await expect(readHearTask(dir)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('leave no names outside of them', async () => {
    const dir = await writeTask('outside', { metadata: scenes, splits: splits({}), sound: silence });
    await writeFile(join(dir, 'fold02.json'), JSON.stringify({ '../../x.wav': ['low'] }));
    await expect(readHearTask(dir)).rejects.toMatchObject({ code: 'E_DATA' });
  });

  it('are told from folders of tasks', async () => {
    await mkdir(join(root, 'empty'));
    await expect(findHearTasks(join(root, 'empty'))).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    const dir = await sceneTask('tasks/one', ['fold00', 'fold01', 'fold02'], folds);
    expect(await findHearTasks(join(root, 'tasks'))).toEqual([dir]);
    expect(await findHearTasks(dir)).toEqual([dir]);
  });

  it('are heard at the next higher rate that is there, or the highest', async () => {
    const dir = await sceneTask('rates', ['fold00', 'fold01', 'fold02'], folds);
    await mkdir(join(dir, '48000'));
    const task = await readHearTask(dir);
    for (const [wanted, found] of [
      [16000, 16000],
      [44100, 48000],
      [96000, 48000],
    ] as const)
      expect(await hearRate(task, wanted)).toBe(found);
  });

  it('have recordings that can be heard, and embeddings that are numbers', async () => {
    const dir = await sceneTask('hurt', ['fold00', 'fold01', 'fold02'], folds);
    const bad = encoder({
      sceneEmbeddings: async (s) => floats(new Float32Array(s.length * 3).fill(Number.NaN), [s.length, 3]),
    });
    const task = await readHearTask(dir);
    await expect(embedTask(task, bad, join(root, 'hurt-out'))).rejects.toMatchObject({ code: 'E_NONFINITE' });
    await rm(join(dir, String(RATE), 'fold01', 'fold01_low_0.wav'));
    await expect(embedTask(task, encoder(), join(root, 'hurt-out'))).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    });
    await rm(join(dir, String(RATE)), { recursive: true });
    await expect(embedTask(task, encoder(), join(root, 'hurt-out'))).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    });
  });
});
