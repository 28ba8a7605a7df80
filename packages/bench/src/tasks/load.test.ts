import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Choices } from './choices.js';
import { benchmarkTask, loadTask, tasksIn } from './load.js';
import { readWordings } from './wordings.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pengi-tasks-'));
});
afterEach(() => rm(root, { recursive: true }));

/** Files with content, and recordings, which nothing here opens. */
async function write(files: Record<string, string>, ...recordings: string[]): Promise<void> {
  for (const [path, content] of [
    ...Object.entries(files),
    ...recordings.map((path) => [path, ''] as const),
  ]) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
}

describe('loadTask', () => {
  it('gives items, classes with wordings, numbers of the paper, and what is wrong with the data', async () => {
    await write(
      {
        'ESC-50/meta/esc50.csv':
          'filename,fold,target,category,esc10,src_file,take\na.wav,1,0,dog,True,1,A\nb.wav,2,11,sea_waves,True,2,A\nc.wav,2,11,sea_waves,True,2,A\n',
      },
      'ESC-50/audio/a.wav',
      'ESC-50/audio/b.wav',
    );
    const { evaluation, problems } = await loadTask(benchmarkTask('esc50'), root, { training: true });
    expect(evaluation).toMatchObject({
      id: 'esc50',
      kind: 'single-label',
      metric: 'accuracy',
      prompt: 'generate metadata',
      official: 2000,
      items: [
        { id: 'a.wav', labels: ['dog'] },
        { id: 'b.wav', labels: ['sea_waves'] },
      ],
    });
    expect(evaluation.labels).toHaveLength(50);
    expect(evaluation.labels).toContainEqual({ name: 'sea_waves', text: 'sea waves' });
    expect(evaluation.published[0]).toEqual({ system: 'Pengi', value: 0.9195, source: 'Table 3' });
    expect(evaluation.published).toContainEqual({ system: 'human', value: 0.81, source: 'Section 5.3' });
    expect(evaluation.training?.items.map(({ label, fold }) => [label, fold])).toEqual([
      ['dog', 1],
      ['sea_waves', 2],
    ]);
    expect(evaluation.training?.folds).toEqual(
      new Map([
        ['a.wav', 1],
        ['b.wav', 2],
      ]),
    );
    expect(problems).toHaveLength(1);
    expect(evaluation.notes).toContain('data: 1 missing-audio');

    expect((await tasksIn(root)).map(({ id }) => id)).toEqual(['esc50', 'esc50-actions']);
  });

  it('takes other choices than the defaults, and says so', async () => {
    const note = (pitch: number) => ({
      pitch,
      velocity: 75,
      instrument_family_str: 'guitar',
      instrument_source_str: 'acoustic',
      qualities_str: [],
    });
    await write(
      { 'NSynth/nsynth-test/examples.json': JSON.stringify({ a: note(20), b: note(60) }) },
      'NSynth/nsynth-test/audio/a.wav',
      'NSynth/nsynth-test/audio/b.wav',
    );
    const load = async (id: string, choices: Choices) =>
      (await loadTask(benchmarkTask(id), root, { choices })).evaluation;
    const all = await load('nsynth-pitch', {});
    expect([all.items.length, all.labels?.length, all.official]).toEqual([2, 128, 4096]);
    expect(all.notes[0]).toMatch(/^classes: all \(or 21-108\): /);
    const piano = await load('nsynth-pitch', { classes: '21-108' });
    expect(piano.items.map(({ id }) => id)).toEqual(['b']);
    expect([piano.labels?.length, piano.official]).toEqual([88, null]);
    expect(piano.notes[0]).toMatch(/^classes: 21-108 \(chosen in place of the default; all\): /);
    expect((await load('nsynth-instrument', { classes: 'present' })).labels?.map(({ name }) => name)).toEqual(
      ['guitar'],
    );
    expect((await load('nsynth-sonic', { metric: 'accuracy' })).metric).toBe('accuracy');
  });

  it('takes wordings from a file, and refuses those that do not fit', async () => {
    await write(
      {
        'train/x': '',
        'good.json': JSON.stringify({
          casual: 'nothing special',
          explosion: 'a blast',
          gunshot: 'a shot',
          siren: 'a siren',
        }),
        'lacks.json': JSON.stringify({ casual: 'c', explosion: 'e', gunshot: 'g' }),
        'twice.json': JSON.stringify({ casual: 'c', explosion: 'e', gunshot: 'g', siren: 'g' }),
        'foreign.json': JSON.stringify({ casual: 'c', explosion: 'e', gunshot: 'g', siren: 's', dog: 'd' }),
        'list.json': '["casual"]',
      },
      'test/casual_1.wav',
      'test/siren_1.wav',
    );
    const task = benchmarkTask('sesa');
    const load = async (file: string) =>
      loadTask(task, root, { wordings: await readWordings(join(root, file)), training: true });
    const { evaluation } = await load('good.json');
    expect(evaluation.labels).toContainEqual({ name: 'casual', text: 'nothing special' });
    expect(evaluation.training).toBeUndefined(); // its training split is not there
    await expect(load('lacks.json')).rejects.toThrow('wordings of sesa: "siren" has none');
    await expect(load('twice.json')).rejects.toThrow('"g" stands for two classes');
    await expect(load('foreign.json')).rejects.toThrow('"dog" is no class');
    await expect(load('list.json')).rejects.toMatchObject({ code: 'E_CONFIG' });
  });

  it('takes classes from the vocabulary of the data, questions as prompts, captions as references', async () => {
    await write(
      {
        'FSD50K/FSD50K.ground_truth/eval.csv':
          'fname,labels,mids\n5,"Bark,Domestic_animals_and_pets","/m/1,/m/2"\n',
        'FSD50K/FSD50K.ground_truth/vocabulary.csv':
          '0,Bark,/m/1\n1,Domestic_animals_and_pets,/m/2\n2,Rain,/m/3\n',
        'ClothoAQA/clotho_aqa_test.csv':
          'file_name,QuestionText,answer,confidence\na.wav,Is it?,Yes,yes\na.wav,Is it?,no,yes\n',
        'AudioCaps/dataset/test.csv': 'audiocap_id,youtube_id,start_time,caption\n1,x,0,A dog\n2,x,0,Dogs\n',
      },
      'FSD50K/FSD50K.eval_audio/5.wav',
      'ClothoAQA/audio_files/a.wav',
      'AudioCaps/audio/test/x_0.wav',
    );
    const load = async (id: string) => (await loadTask(benchmarkTask(id), root)).evaluation;
    expect((await load('fsd50k')).labels).toEqual([
      { name: 'Bark', text: 'bark' },
      { name: 'Domestic_animals_and_pets', text: 'domestic animals and pets' },
      { name: 'Rain', text: 'rain' },
    ]);
    expect((await load('clothoaqa')).items[0]).toMatchObject({
      prompt: 'question: Is it?',
      references: ['yes', 'no'],
    });
    for (const id of ['audiocaps-captions', 'audiocaps-text-to-audio', 'audiocaps-audio-to-text'])
      expect((await load(id)).items[0]).toMatchObject({ references: ['A dog', 'Dogs'] });
  });

  it('says how to get what is not there, and knows no other task', async () => {
    await expect(loadTask(benchmarkTask('vocalsound'), root)).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      hint: expect.stringContaining('vs_release_44k.zip'),
    });
    expect(() => benchmarkTask('esc')).toThrow('"esc" is no known task');
  });
});

const mini = resolve(import.meta.dirname, '../../../../../shared/data/mini');
if (!existsSync(mini)) console.warn(`${mini} is not there: 17 tasks are not loaded`);

describe.skipIf(!existsSync(mini))('the mini data', () => {
  it('give every task whose data they stand for', async () => {
    const counts: Record<string, number> = {};
    for (const task of await tasksIn(mini)) {
      const { evaluation, problems } = await loadTask(task, mini, { training: true });
      expect(problems, task.id).toEqual([]);
      counts[task.id] = evaluation.items.length;
    }
    expect(counts).toEqual({
      'clotho-captions': 9,
      'audiocaps-captions': 8,
      clothoaqa: 12,
      esc50: 163,
      fsd50k: 29,
      'gtzan-music-speech': 32,
      'gtzan-genres': 5,
      'nsynth-instrument': 18,
      'nsynth-pitch': 18,
      'nsynth-velocity': 18,
      'nsynth-sonic': 18,
      'clotho-text-to-audio': 9,
      'audiocaps-text-to-audio': 8,
      'esc50-actions': 37,
      'clotho-audio-to-text': 9,
      'audiocaps-audio-to-text': 8,
      fsdd: 180,
    });
  });
});
