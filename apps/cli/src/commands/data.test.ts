import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { encodeWav } from '@pengi/audio-frontend';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { pengi } from '../testing/command-line.js';

let root: string;
const wav = encodeWav({ channels: [new Float32Array(800).fill(0.1)], sampleRate: 8000 });

beforeAll(async () => {
  vi.stubEnv('PENGI_DATA', undefined);
  root = await mkdtemp(join(tmpdir(), 'pengi-cli-data-'));
  const files: Record<string, string | Uint8Array> = {
    'ESC-50/meta/esc50.csv':
      'filename,fold,target,category,esc10,src_file,take\na.wav,1,0,dog,True,7,A\nb.wav,2,11,sea_waves,True,8,A\nc.wav,2,0,dog,True,9,A\n',
    'ESC-50/audio/a.wav': wav,
    'ESC-50/audio/b.wav': 'no audio',
    'freesound/manifest.csv': 'audio,caption,id\nx.wav,A dog barks,7\ny.wav,Rain,1\n',
    'freesound/x.wav': wav,
    'freesound/y.wav': wav,
  };
  for (let i = 0; i < 128; i++) files[`GTZAN_music_speech/${i % 2 ? 'music' : 'speech'}_wav/${i}.wav`] = wav;
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true });
});

describe('pengi data', () => {
  it('lists what is known and what is there', async () => {
    const { status, out } = await pengi('data', 'list', '--data', root);
    expect(status).toBe(0);
    expect(out).toMatch(/^esc50 +ESC-50 +all 2,000 +evaluation +yes$/m);
    expect(out).toMatch(/^wavcaps +WavCaps +AudioSet_SL 108,317, .* training$/m);
    const json = JSON.parse((await pengi('data', 'list', '--json')).out);
    expect(json).toHaveLength(31);
    expect(json[0]).toMatchObject({
      id: 'audiocaps',
      use: ['training', 'evaluation'],
      splits: { test: 975 },
    });
  });

  it('verifies, with a status of 65 for what is not complete', async () => {
    const { status, out } = await pengi('data', 'verify', 'esc50', '--data', root, '--decode', '--show', '1');
    expect(status).toBe(65);
    expect(out).toContain('not complete');
    expect(out).toMatch(/^all +2 +2000 +-1998$/m);
    expect(out).toMatch(/^missing-audio: 1$/m);
    expect(out).toMatch(/^undecodable: 1$/m);
    expect(out).toMatch(/^ {2}missing-audio meta\/esc50\.csv:4: "audio\/c\.wav" does not exist$/m);
    expect(out).toContain('… and 1 more');
    const good = await pengi('data', 'verify', 'gtzan-music-speech', '--data', root, '--json');
    expect(good.status).toBe(0);
    expect(JSON.parse(good.out)).toMatchObject({ isComplete: true, problems: [] });
  });

  it('takes the name of a task, and PENGI_DATA', async () => {
    vi.stubEnv('PENGI_DATA', root);
    const { status, err } = await pengi('data', 'verify', 'clotho-captions');
    vi.stubEnv('PENGI_DATA', undefined);
    expect(status).toBe(66);
    expect(err).toContain('holds no Clotho v2: looked for Clotho/');
    expect(err).toContain('https://zenodo.org/records/4783391');
  });

  it('counts what a data set holds', async () => {
    const { out, err } = await pengi('data', 'stats', 'esc50', '--data', root);
    expect(out).toContain('2 items on 2 recordings');
    expect(out).toMatch(/^ {2}sea_waves +1 {2}#+$/m);
    expect(err).toContain('1 problems');
  });

  it('finds training recordings in an evaluation set', async () => {
    const { status, out } = await pengi('data', 'leaks', 'freesound', 'esc50', '--data', root);
    expect(status).toBe(65);
    expect(out).toContain('1 leaks of 2 training items into 2 items');
    expect(out).toContain('freesound:7: x.wav is a.wav');
  });

  it('refuses what it does not know', async () => {
    expect(await pengi('data', 'verify', 'esc51', '--data', root)).toMatchObject({ status: 2 });
    expect((await pengi('data', 'verify', 'esc50')).err).toContain('give --data FOLDER or set PENGI_DATA');
    expect((await pengi('data', 'leaks', 'esc50', 'esc50', '--data', root)).err).toContain(
      'is not trained on',
    );
  });
});

describe('pengi bench --list', () => {
  it('shows every task with folder, split, metric, number and prompt, and the layouts', async () => {
    const { status, out } = await pengi('bench', '--list');
    expect(status).toBe(0);
    expect(out).toMatch(/^esc50 +ESC-50\/ +all +5 +2000 +accuracy +0\.9195 +generate metadata$/m);
    expect(out).toMatch(
      /^ {2}groundtruth_release\/groundtruth_weak_label_\{training,testing,evaluation\}_set\.csv$/m,
    );
    const tasks = JSON.parse((await pengi('bench', '--list', '--json')).out);
    expect(tasks).toHaveLength(26);
    expect(tasks[3]).toMatchObject({ id: 'esc50', paper: 0.9195, wordings: { sea_waves: 'sea waves' } });
  });
});
