import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSafetensors } from '@pengi/checkpoint';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { pengi } from './testing/command-line.js';
import { saveTinyModels, writeWav } from './testing/models.js';

let dir: string;
const at = (name: string) => join(dir, name);
/** 0.7 s: two windows and a third of one. */
const long = Float32Array.from({ length: 11200 }, (_, n) => 0.3 * Math.sin(n / (n < 4800 ? 5 : 25)));

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-long-'));
  vi.stubEnv('PENGI_MODEL', at('model'));
  await saveTinyModels(dir);
  await writeWav(at('long.wav'), long);
  await writeWav(at('short.wav'), long.slice(0, 3200));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true });
});

const lines = (out: string) => out.trimEnd().split('\n');
const objects = (out: string) => lines(out).map((line) => JSON.parse(line));
const SPANS = [
  { start: 0, end: 0.3 },
  { start: 0.3, end: 0.6 },
  { start: 0.4, end: 0.7 },
];

describe('caption --windows', () => {
  it('prints a caption for each window with its time', async () => {
    const { status, out, err } = await pengi('caption', at('long.wav'), '--windows', '--max-tokens', '6');
    expect([status, err]).toEqual([0, '']);
    expect(lines(out).map((line) => line.slice(0, 10))).toEqual(['0.0–0.3 s:', '0.3–0.6 s:', '0.4–0.7 s:']);
  });

  it('prints JSON, for clapcap as well, with another hop', async () => {
    const run = await pengi(
      'caption',
      at('long.wav'),
      '--windows',
      '--hop',
      '0.2',
      '--json',
      '--model',
      at('clapcap'),
    );
    expect(run.status).toBe(0);
    expect(objects(run.out)).toEqual([
      expect.objectContaining({ file: at('long.wav'), start: 0, end: 0.3, text: expect.any(String) }),
      expect.objectContaining({ start: 0.2, end: 0.5, warnings: [] }),
      expect.objectContaining({ start: 0.4, end: 0.7 }),
    ]);
  });

  it.each([
    [['--hop', '1'], /^E_USAGE --hop is about windows; add --windows/],
    [['--windows', '--hop', '0'], /^E_USAGE .*hopSeconds is 0/],
  ])('refuses %j', async (flags, message) => {
    const { status, err } = await pengi('caption', at('long.wav'), ...flags);
    expect(status).toBe(2);
    expect(err).toMatch(message);
  });
});

describe('embed --windows', () => {
  it.each(['model', 'clap', 'clapcap'])('prints a row for each window of a recording (%s)', async (model) => {
    const run = await pengi(
      'embed',
      at('long.wav'),
      at('short.wav'),
      '--windows',
      '--json',
      '--model',
      at(model),
    );
    expect(run).toMatchObject({ status: 0, err: '' });
    const rows = objects(run.out);
    expect(rows.map(({ name, start, end }) => ({ name, start, end }))).toEqual([
      ...SPANS.map((span) => ({ name: at('long.wav'), ...span })),
      { name: at('short.wav'), start: 0, end: 0.2 },
    ]);
    for (const { embedding } of rows) expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
  });

  it('pools, and writes files with the times of windows', async () => {
    const pooled = await pengi('embed', at('long.wav'), '--windows', '--pool', 'max', '--json');
    expect(objects(pooled.out)).toEqual([{ name: at('long.wav'), embedding: expect.any(Array) }]);
    const cropped = await pengi('embed', at('long.wav'), '--json');
    expect(cropped.out).not.toBe(pooled.out);
    const out = at('windows.safetensors');
    await pengi('embed', at('long.wav'), '--windows', '--hop', '0.2', '--out', out);
    const file = await openSafetensors(out);
    expect([file.array('audio').shape, [...file.array('windows').data]]).toEqual([
      [3, 128],
      [0, 0.3, 0.2, 0.5, 0.4, 0.7].map(Math.fround),
    ]);
    expect(file.metadata.files).toBe(JSON.stringify(Array(3).fill(at('long.wav'))));
  });

  it('needs windows for a hop', async () => {
    const { status, err } = await pengi('embed', at('long.wav'), '--pool', 'mean');
    expect(status).toBe(2);
    expect(err).toMatch(/^E_USAGE --hop and --pool are about windows; add --windows/);
  });
});

describe('events', () => {
  it('lists what is heard when, with names from a file', async () => {
    await writeFile(at('labels.csv'), 'index,mid,display_name\n0,/m/0,"Any sound, at all"\n');
    const args = ['events', at('long.wav'), '--threshold', '0'];
    const { status, out } = await pengi(...args, '--labels', at('labels.csv'));
    expect(status).toBe(0);
    expect(lines(out)).toEqual([expect.stringMatching(/long\.wav 0\.0–0\.7 s: Any sound, at all 0\.\d{3}$/)]);
    const [event] = objects((await pengi(...args, '--json')).out);
    expect(event).toMatchObject({ file: at('long.wav'), class: 0, start: 0, end: 0.7 });
    expect((await pengi('events', at('long.wav'), '--threshold', '1')).out).toBe('');
  });

  it('gives the classes of the whole recording', async () => {
    const { out } = await pengi('events', at('long.wav'), '--clip', '--json', '--model', at('clap'));
    expect(objects(out)).toEqual([
      { file: at('long.wav'), tags: [{ class: 0, probability: expect.any(Number) }] },
    ]);
    expect((await pengi('events', at('long.wav'), '--clip')).out).toMatch(/long\.wav: class 0 0\.\d{3}\n$/);
  });

  it.each<[string, () => string[], number, RegExp]>([
    [
      'names that do not fit',
      () => ['--labels', at('long.wav')],
      65,
      /^E_DATA .*long\.wav: .* the model has 1/,
    ],
    ['names that are not there', () => ['--labels', at('no.csv')], 66, /^E_NOT_FOUND .*no\.csv/],
    ['a threshold that is none', () => ['--threshold', '2'], 2, /^E_USAGE the threshold is 2/],
    [
      'a captioner without classifier weights',
      () => ['--model', at('clapcap')],
      65,
      /^E_WEIGHTS .*classifier/,
    ],
  ])('refuses %s', async (_what, flags, status, message) => {
    const run = await pengi('events', at('long.wav'), ...flags());
    expect([run.status, run.out]).toEqual([status, '']);
    expect(run.err).toMatch(message);
  });
});

describe('doctor MODEL', () => {
  it('says what a folder holds', async () => {
    const { status, out } = await pengi('doctor', at('model'));
    expect(status).toBe(0);
    expect(out).toMatch(/^Pengi base: [\d,]+ parameters\n/);
    for (const part of ['audio encoder', 'text tower', 'prompt mapper', 'language model', 'engine: '])
      expect(out).toContain(`${part}`);
    expect(out).toMatch(/sha256: [0-9a-f]{64}\n/);
    const card = await readFile(join(at('model'), 'README.md'), 'utf8');
    expect(card).toContain(/sha256: (\w+)/.exec(out)![1]!);
    const report = JSON.parse((await pengi('doctor', at('clap'), '--json')).out);
    expect(report).toMatchObject({ family: 'clap', problems: [], machine: { node: process.version } });
  });

  it('ends with 65 where the weights are not what they should be', async () => {
    const path = at('part.safetensors');
    await writeFile(path, await readFile(join(at('clapcap'), 'model.safetensors')));
    const { status, out } = await pengi('doctor', path);
    expect(out).toMatch(/^clapcap 2023: /);
    expect(out).toContain('problem: the config: stopToken: must be in the vocabulary of gpt2\n');
    expect(status).toBe(65);
    expect((await pengi('doctor', at('nowhere'))).status).toBe(66);
  });
});
