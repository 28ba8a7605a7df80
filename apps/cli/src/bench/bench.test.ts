import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { pengi } from '../testing/command-line.js';
import { saveTinyModels, writeWav } from '../testing/models.js';
import { shardOf } from './run.js';

const workspace = process.cwd();
let dir: string;
const at = (name: string) => join(dir, name);
const CLASSES = ['dog', 'rain', 'rooster'];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-bench-cli-'));
  for (const name of ['PENGI_MODEL', 'PENGI_DATA']) vi.stubEnv(name, undefined);
  process.chdir(dir); // a trained quickstart/model would be the default one
  await saveTinyModels(dir);
  const esc50 = at('data/ESC-50');
  await Promise.all(['meta', 'audio'].map((name) => mkdir(join(esc50, name), { recursive: true })));
  const rows = ['filename,fold,target,category,esc10,src_file,take'];
  for (let i = 0; i < 9; i++) {
    rows.push(`${i}.wav,${(i % 5) + 1},${i % 3},${CLASSES[i % 3]},True,${i},A`);
    const samples = Float32Array.from({ length: 6400 }, (_, n) => 0.3 * Math.sin((n * (1 + i)) / 9));
    await writeWav(join(esc50, 'audio', `${i}.wav`), samples);
  }
  await writeFile(join(esc50, 'meta/esc50.csv'), `${rows.join('\n')}\n`);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  process.chdir(workspace);
  await rm(dir, { recursive: true });
});

const bench = (...args: string[]) =>
  pengi(
    'bench',
    '--data',
    at('data'),
    '--batch',
    '4',
    '--beams',
    '2',
    '--max-tokens',
    '4',
    '--no-java',
    '--workers',
    '0',
    ...args,
  );
const run = (out: string, ...more: string[]) =>
  bench('--tasks', 'esc50', '--model', at('model'), '--out', at(out), '--no-baselines', ...more);
const table = (out: string) => readFile(at(`${out}/table.md`), 'utf8');

describe('pengi bench', () => {
  it('runs a task, and goes on with what is there', async () => {
    const first = await run('whole', '--clap', at('clap'));
    expect(first.status).toBe(0);
    expect(first.out).toMatch(/^esc50 +accuracy \(text matching\) +\d\.\d{4} .* 9 \/ 2000 .* 0\.9195/m);
    for (const name of ['report.html', 'report.md', 'report.json', 'results.json', 'predictions.jsonl'])
      expect(existsSync(at(`whole/${name}`))).toBe(true);
    const [task] = JSON.parse(await readFile(at('whole/report.json'), 'utf8')).tasks;
    // The small vocabulary lacks most labels: that way of answering is left out, and says why.
    expect(task.methods.map((one: { method: string }) => one.method)).toEqual([
      'textMatching',
      'zeroShot',
      'logLikelihood',
    ]);
    expect(task.methods[2]).toMatchObject({
      value: null,
      notComputed: { accuracy: expect.stringContaining('does not know') },
    });
    expect(task.provenance).toMatchObject({
      model: 'pengi',
      weightsSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });

    const answers = await readFile(at('whole/predictions.jsonl'), 'utf8');
    expect((await run('whole', '--clap', at('clap'))).status).toBe(0);
    expect(await readFile(at('whole/predictions.jsonl'), 'utf8')).toBe(answers);
  });

  it('scores again and compares without a model', async () => {
    await run('again');
    const before = await table('again');
    await rm(at('again/table.md'));
    expect((await pengi('bench', 'rescore', at('again'), '--no-java')).status).toBe(0);
    expect(await table('again')).toBe(before);
    const compared = await pengi('bench', 'compare', at('again'), at('again'), '--json');
    expect(JSON.parse(compared.out)).toMatchObject([{ task: 'esc50', n: 9, difference: 0, p: 1 }]);
    expect((await pengi('bench', 'errors', at('again'))).out).toMatch(/^esc50 +\d/m);
    expect((await pengi('bench', 'table', at('again'), '--paper', 'table-13')).out).toContain('0.8950');
  });

  it('does parts, which join', async () => {
    expect((await run('parts', '--shard', '0/2')).err).toContain('esc50: 1 of 2 processes are done');
    expect(await pengi('bench', 'merge', at('parts'))).toMatchObject({ status: 65 });
    expect((await run('parts', '--shard', '1/2')).status).toBe(0);
    expect(await table('parts')).toBe(await table('again'));
  });

  it('asks about silence, noise and other recordings', async () => {
    const { out } = await run('ground', '--grounding', '--limit', '4', '--method', 'zeroShot');
    expect(out).toContain(
      '| task | metric | recordings | silence | same answers | noise | same answers | shuffled |',
    );
    expect(JSON.parse(await readFile(at('ground/grounding.json'), 'utf8'))).toHaveLength(1);
  });

  it('counts a damaged recording, and ends with 65 when there are too many', async () => {
    const wav = at('data/ESC-50/audio/4.wav');
    const bytes = await readFile(wav);
    try {
      await writeFile(wav, 'RIFF?');
      const { status, err, out } = await run('damaged', '--max-failed', '0');
      expect(status).toBe(65);
      expect(err).toContain('esc50: 4.wav failed: E_AUDIO_');
      expect(out).toContain('8 / 2000, 1 failed');
      expect((await run('damaged')).status).toBe(0);
    } finally {
      await writeFile(wav, bytes);
    }
  });

  it('skips of all tasks what is not there, and refuses what was named', async () => {
    const all = await bench('--model', at('clap'), '--out', at('clap-run'), '--no-baselines');
    expect(all.err).toContain('clotho-captions is skipped: its data set clotho is not in');
    // The small CLAP does not know most labels: nothing is evaluated, which is an error.
    expect(all).toMatchObject({ status: 65, err: expect.stringMatching(/esc50: .*does not know/) });
    const captions = await bench('--tasks', 'clotho-captions', '--model', at('clap'), '--out', at('x'));
    expect(captions).toMatchObject({
      status: 2,
      err: expect.stringContaining('clap cannot answer task clotho-captions: generation needs generate'),
    });
    const absent = await bench('--tasks', 'clotho-captions', '--model', at('model'), '--out', at('x'));
    expect(absent).toMatchObject({ status: 66, err: expect.stringContaining('clotho_audio_evaluation.7z') });
  });

  it('leaves out of all tasks those that the model lacks the words for, and misses them where they were named', async () => {
    const folder = at('words');
    await mkdir(join(folder, 'ClothoAQA/audio_files'), { recursive: true });
    await symlink(at('data/ESC-50'), join(folder, 'ESC-50'), 'dir');
    const rows = ['yes', 'yes', 'no'].map((answer) => `a.wav,Is it raining?,${answer},yes`);
    const header = 'file_name,QuestionText,answer,confidence';
    await writeFile(join(folder, 'ClothoAQA/clotho_aqa_test.csv'), `${[header, ...rows].join('\n')}\n`);
    await writeWav(join(folder, 'ClothoAQA/audio_files/a.wav'), new Float32Array(6400).fill(0.1));
    const asked = (tasks: string) =>
      bench('--data', folder, '--tasks', tasks, '--model', at('model'), '--out', at(tasks), '--no-baselines');
    const all = await asked('all');
    expect(all).toMatchObject({ status: 0, err: expect.stringMatching(/clothoaqa: none of 1 .*not know/) });
    expect(all.out).toMatch(/^esc50 /m);
    expect((await asked('esc50,clothoaqa')).status).toBe(65);
  });

  it.each([
    [['--tasks', 'esc51'], '"esc51" is no known task'],
    [['--shard', '2/2'], '--shard takes i/n'],
    [['--limit', '0'], '--limit takes a whole number from 1 on'],
    [['--method', 'guess'], "argument 'guess' is invalid"],
  ])('says what is wrong with %j', async (args, message) => {
    const { status, err } = await bench('--model', at('model'), '--out', at('y'), ...args);
    expect([status, err.includes(message)]).toEqual([2, true]);
  });
});

describe('pengi bench interpret', () => {
  it('tells a token for each vector of the prefix', async () => {
    const { out } = await pengi(
      'bench',
      'interpret',
      at('data/ESC-50/audio/1.wav'),
      '--model',
      at('model'),
      '--json',
    );
    const [found] = JSON.parse(out);
    expect(found.audio).toHaveLength(8);
    expect(found.prompt).toHaveLength(8);
  });
});

describe('shardOf', () => {
  it('is the rank that a launcher gives', () => {
    expect(shardOf({ OMPI_COMM_WORLD_RANK: '2', OMPI_COMM_WORLD_SIZE: '4' })).toEqual({ index: 2, count: 4 });
    expect(shardOf({ PMI_RANK: '0', PMI_SIZE: '1' })).toBeUndefined();
    expect(shardOf({})).toBeUndefined();
  });
});
