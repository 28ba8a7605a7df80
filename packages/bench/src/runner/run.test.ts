import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PengiError } from '@pengi/core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type BenchOptions,
  compareResults,
  createClipSource,
  openStore,
  type Predictor,
  readResults,
  runBench,
  scoreRun,
} from '../index.js';
import { animalExpert, evaluation, writeRecordings } from '../testing/evaluations.js';

let dir: string;
let recordings: string[];
let run: string;
let runs = 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-bench-'));
  recordings = await writeRecordings(dir, 12);
});
afterAll(() => rm(dir, { recursive: true }));
beforeEach(() => {
  run = join(dir, `run-${runs++}`);
});

function options(more: Partial<BenchOptions> = {}): BenchOptions {
  return {
    run,
    evaluations: [evaluation(recordings)],
    predictor: animalExpert(),
    identity: { weightsSha256: 'abc', version: '1' },
    clips: createClipSource({}, 0),
    batchSize: 4,
    ...more,
  };
}

const table = (folder = run) => readFile(join(folder, 'table.md'), 'utf8');

describe('runBench', () => {
  it('answers in every way that the model can, the paper’s first', async () => {
    await runBench(options());
    const { results } = await scoreRun(run);
    // Every fourth of 12 is taken for the next animal: 9 right. Clopper and Pearson's interval of 9 in 12 begins at 0.4281.
    expect(results[0]).toMatchObject({
      method: 'textMatching',
      value: 0.75,
      n: 12,
      nOfficial: 100,
      paper: 0.9,
    });
    expect(results[0]?.interval?.low).toBeCloseTo(0.42813, 4);
    expect(results[0]?.difference).toBeCloseTo(-0.15, 12);
    expect(results[0]?.methods.map(({ method, value }) => [method, value])).toEqual([
      ['textMatching', 0.75],
      ['logLikelihood', 0.75],
      ['zeroShot', 0.75],
    ]);
    expect(results[0]?.items[3]).toMatchObject({
      expected: ['dog'],
      answer: 'maybe a cat',
      prediction: 'cat',
      score: 0,
    });
    expect(results[0]?.confusion?.counts[0]).toEqual([3, 1, 0, 0]);
    expect(await table()).toContain('| animals | accuracy (text matching) | 0.7500 |');
  });

  it('does not ask again what is there, and never takes another model’s answers', async () => {
    await runBench(options());
    const again = { batches: 0, clips: 0 };
    expect((await runBench(options({ predictor: animalExpert(again) }))).fresh).toBe(0);
    expect(again.batches).toBe(0);
    const identity = { weightsSha256: 'abd', version: '1' };
    await runBench(options({ predictor: animalExpert(again), identity }));
    expect(again.clips).toBe(36);
    for (const [name, change] of Object.entries({
      version: { identity: { weightsSha256: 'abc', version: '2' } },
      beams: { identity: { weightsSha256: 'abc', version: '1', decoding: { beams: 3 } } },
      crop: { clipSettings: { crop: 'centre' } },
      prompt: { evaluations: [evaluation(recordings, { prompt: 'what do you hear' })] },
      labels: {
        evaluations: [
          evaluation(recordings, { labels: ['dog', 'cat', 'cow'].map((text) => ({ name: text, text })) }),
        ],
      },
    })) {
      const asked = { batches: 0, clips: 0 };
      await runBench(options({ predictor: animalExpert(asked), ...change }));
      expect([name, asked.clips > 0]).toEqual([name, true]);
    }
  });

  it('goes on after an end at any batch with the same table and no batch too many', async () => {
    await runBench(options());
    await scoreRun(run);
    const unbroken = await table();
    for (let end = 0; end < 9; end++) {
      run = join(dir, `broken-${end}`);
      const asked = { batches: 0, clips: 0 };
      const expert = animalExpert(asked);
      const mortal = async <T>(work: () => Promise<T>): Promise<T> => {
        if (asked.batches === end) throw new Error('killed');
        return work();
      };
      const dying: Predictor = {
        ...expert,
        generate: (clips, prompt) => mortal(() => expert.generate!(clips, prompt)),
        scoreLabels: (clips, labels, prompt) => mortal(() => expert.scoreLabels!(clips, labels, prompt)),
        embedAudio: (clips) => mortal(() => expert.embedAudio!(clips)),
      };
      await expect(runBench(options({ predictor: dying }))).rejects.toThrow('killed');
      await runBench(options({ predictor: expert }));
      await scoreRun(run);
      expect(await table()).toBe(unbroken);
      expect(asked.batches).toBe(9);
    }
  });

  it('drops torn and damaged lines with a warning, and asks for these alone', async () => {
    await runBench(options());
    await scoreRun(run);
    const [unbroken, file] = [await table(), join(run, 'predictions.jsonl')];
    const text = await readFile(file, 'utf8');
    const lines = text.split('\n');
    const damaged = lines.findIndex((line) => line.includes('maybe a dog'));
    lines[damaged] = (lines[damaged] as string).replace('maybe a dog', 'maybe a cow');
    await writeFile(file, lines.join('\n'));
    await truncate(file, Buffer.byteLength(lines.join('\n')) - 20);
    const warnings: string[] = [];
    const { fresh } = await runBench(options({ warn: (message) => warnings.push(message) }));
    expect(fresh).toBe(2);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(new RegExp(`line ${damaged + 1}, ${lines.length - 1} is torn or damaged`));
    await scoreRun(run);
    expect(await table()).toBe(unbroken);
  });

  it('counts and names a recording that cannot be used, and does not score it', async () => {
    const bad = join(dir, 'bad.wav');
    await writeFile(bad, 'RIFF nothing');
    const missing = join(dir, 'missing.wav');
    const { failed } = await runBench(options({ evaluations: [evaluation([...recordings, bad, missing])] }));
    expect(failed).toEqual({ animals: 2 });
    const { results } = await scoreRun(run);
    expect(results[0]).toMatchObject({ n: 12, value: 0.75 });
    expect(results[0]?.failed.map(({ id, code }) => [id, code])).toEqual([
      ['clip 12', expect.stringMatching(/^E_AUDIO_/)],
      ['clip 13', 'E_NOT_FOUND'],
    ]);
    expect(await table()).toContain('12 / 100, 2 failed');
  });

  it('finds the recording that a predictor cannot take, and scores the others of its batch', async () => {
    const expert = animalExpert();
    const picky: Predictor = {
      name: 'picky',
      async generate(clips, prompt) {
        if (clips.some(({ audio }) => audio.endsWith('/5.wav')))
          throw new PengiError('E_AUDIO_TOO_SHORT', 'is too short');
        return expert.generate!(clips, prompt);
      },
      embedText: expert.embedText!,
    };
    expect((await runBench(options({ predictor: picky }))).failed).toEqual({ animals: 1 });
    const { results } = await scoreRun(run);
    expect(results[0]).toMatchObject({ n: 11, failed: [{ id: 'clip 5', code: 'E_AUDIO_TOO_SHORT' }] });
  });

  it('refuses by name, before anything runs, what a model cannot do', async () => {
    const asked = { batches: 0, clips: 0 };
    const { generate } = animalExpert(asked);
    const captions = evaluation(recordings, { id: 'captions', kind: 'captioning', metric: 'spider' });
    await expect(
      runBench(
        options({
          predictor: { name: 'mute', generate: generate! },
          evaluations: [captions, evaluation(recordings)],
        }),
      ),
    ).rejects.toThrow(
      'mute cannot answer task animals: textMatching needs embedText, logLikelihood needs scoreLabels',
    );
    await expect(runBench(options({ predictor: { name: 'deaf' }, evaluations: [captions] }))).rejects.toThrow(
      'deaf cannot answer task captions: generation needs generate',
    );
    expect(asked.batches).toBe(0);
  });

  it('drops a way of answering whose texts the model does not know, and says so', async () => {
    const expert = animalExpert();
    const scoreLabels = async () => {
      throw new PengiError('E_TEXT', 'this model does not know "cow"');
    };
    await runBench(options({ predictor: { ...expert, scoreLabels } }));
    const { results } = await scoreRun(run);
    expect(results[0]?.methods.map(({ method, value }) => [method, value])).toEqual([
      ['textMatching', 0.75],
      ['zeroShot', 0.75],
      ['logLikelihood', null],
    ]);
    expect(results[0]?.methods[2]?.notComputed).toEqual({ accuracy: 'this model does not know "cow"' });
  });

  it('never puts two models into one table', async () => {
    await runBench(
      options({ evaluations: [evaluation(recordings), evaluation(recordings, { id: 'more' })] }),
    );
    await runBench(options({ identity: { weightsSha256: 'other', version: '1' } }));
    expect((await scoreRun(run)).results.map(({ id }) => id)).toEqual(['animals']);
    // The answers are still there.
    const back = options({ evaluations: [evaluation(recordings, { id: 'more' })] });
    expect((await runBench(back)).fresh).toBe(0);
    expect((await scoreRun(run)).results.map(({ id }) => id)).toEqual(['more']);
  });

  it('joins what several processes did', async () => {
    await runBench(options());
    await scoreRun(run);
    const whole = await table();
    run = join(dir, 'shards');
    for (let index = 0; index < 3; index++) {
      const asked = { batches: 0, clips: 0 };
      await runBench(options({ shard: { index, count: 3 }, predictor: animalExpert(asked) }));
      expect(asked.clips).toBe(12); // a third of three methods
      const { incomplete } = await scoreRun(run);
      expect(incomplete).toEqual(index < 2 ? [`animals: ${index + 1} of 3`] : []);
    }
    expect(await table()).toBe(whole);
  });

  it('keeps a second process out, and takes over from one that is gone', async () => {
    await runBench(options());
    const lock = join(run, 'lock');
    await writeFile(lock, JSON.stringify({ pid: process.ppid, host: (await import('node:os')).hostname() }));
    await expect(runBench(options())).rejects.toMatchObject({ code: 'E_BUSY' });
    await writeFile(lock, JSON.stringify({ pid: 2 ** 22 + 1, host: (await import('node:os')).hostname() }));
    await expect(runBench(options())).resolves.toMatchObject({ fresh: 0 });
  });

  it('reads recordings in threads with the same result, and crops them by the seed', async () => {
    const frontend = {
      ...(await import('@pengi/audio-frontend')).RELEASED_FRONTEND,
      sampleRate: 16000,
      durationSeconds: 0.05,
    };
    const read = async (workers: number, seed: number) => {
      const source = createClipSource({ frontend, crop: 'random', seed }, workers);
      const reply = await source.read({ audio: recordings[0] as string, want: 'samples' });
      await source.close();
      return 'samples' in reply ? [...(reply.samples ?? [])] : reply;
    };
    const [here, there] = [await read(0, 1), await read(2, 1)];
    expect(here).toHaveLength(800);
    expect(there).toEqual(here);
    expect(await read(0, 2)).not.toEqual(here);
  });
});

describe('openStore', () => {
  it('reads lines with any text, and nothing after a line break that is missing', async () => {
    await runBench(options());
    const store = await openStore(run, { file: 'predictions-2.jsonl' });
    const value = '","crc":"00000000"}\n\u2028 "quoted"';
    await store.append([{ key: 'k', task: 't', id: 'i', value }]);
    await store.close();
    await appendFile(join(run, 'predictions-2.jsonl'), '{"key":"x"');
    const again = await openStore(run, { file: null });
    expect(again.get('k')).toBe(value);
    expect([again.has('x'), again.dropped]).toEqual([false, 1]);
    await expect(again.append([{ key: 'y', task: 't', id: 'i', value }])).rejects.toThrow('opened to read');
  });
});

describe('compareResults', () => {
  it('tests the difference on the items that both runs have', async () => {
    const first = run;
    await runBench(options());
    await scoreRun(first);
    run = join(dir, 'other');
    const expert = animalExpert();
    // Right for all but the first 8, of which 6 were right before.
    const worse: Predictor = {
      ...expert,
      generate: async (clips) =>
        clips.map(({ audio }) => (/\/[0-7]\.wav$/.test(audio) ? 'nothing' : 'a dog, a cat, a cow')),
    };
    await runBench(options({ predictor: worse, identity: { weightsSha256: 'worse', version: '1' } }));
    await scoreRun(run);
    const [comparison] = compareResults(await readResults(first), await readResults(run));
    const scores = (await readResults(run))[0]?.items.map(({ score }) => score) ?? [];
    const before = (await readResults(first))[0]?.items.map(({ score }) => score) ?? [];
    const differences = before.map((score, i) => score - (scores[i] as number));
    // All sign patterns of the items that differ, counted here.
    const moved = differences.filter((difference) => difference !== 0);
    const total = Math.abs(moved.reduce((sum, x) => sum + x, 0));
    let extreme = 0;
    for (let flips = 0; flips < 2 ** moved.length; flips++) {
      const sum = moved.reduce((all, x, i) => all + ((flips >> i) & 1 ? -x : x), 0);
      if (Math.abs(sum) >= total) extreme++;
    }
    expect(comparison).toMatchObject({ task: 'animals', n: 12 });
    expect(comparison?.p).toBeCloseTo(extreme / 2 ** moved.length, 12);
    expect(() => compareResults([], [])).toThrow('no item of any task in common');
  });
});
