import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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
  vi.stubEnv('PENGI_CACHE', join(root, 'cache'));
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

  it('draws what data hold', async () => {
    const plots = join(root, 'plots.html');
    const { status, out } = await pengi(
      'data',
      'stats',
      'esc50',
      'freesound',
      '--data',
      root,
      '--plots',
      plots,
    );
    expect(status).toBe(0);
    expect(out).toMatch(/^2 of 2 recordings measured: 0\.10 s on average$/m);
    expect(out).toMatch(/^2 of 2 recordings measured: 0\.10 s on average, 1 cannot be decoded$/m);
    const page = await readFile(plots, 'utf8');
    expect(page).toContain('<h2>ESC-50</h2>');
    expect(page).toContain('aria-label="Length of recordings, 0: 1"');
    expect(page).not.toMatch(/src=|href=|<script/); // nothing that would have to be there besides
    const json = JSON.parse((await pengi('data', 'stats', 'freesound', '--data', root, '--json')).out);
    expect(json).toMatchObject({
      set: 'freesound',
      items: 2,
      texts: { words: { a: 1, dog: 1, barks: 1, rain: 1 } },
    });
    expect(json.recordings.sampleRates).toEqual({ 8000: 2 });
  });

  it('finds training recordings in evaluation sets: given ones, those of the root, published ids', async () => {
    const leaks = (...args: string[]) => pengi('data', 'leaks', '--data', root, ...args);
    const list = join(root, 'leaks.csv');
    const given = await leaks('--train', 'freesound', '--eval', 'esc50', '--out', list);
    expect(given.status).toBe(65);
    expect(given.out).toContain('freesound: 1 of 2 examples are of recordings in esc50');
    expect(given.out).toContain('1 leaks of 2 training recordings');
    expect(given.out).toContain('freesound:7: freesound/x.wav is esc50 all/a.wav');
    expect(await readFile(list, 'utf8')).toBe(
      'training,source,evaluation,item\nfreesound/x.wav,freesound:7,esc50,all/a.wav\n',
    );
    const byDefault = await leaks('--train', 'freesound', '--json');
    const { evaluation, counts } = JSON.parse(byDefault.out);
    expect(counts).toEqual([{ name: 'freesound', examples: 2, leaking: 1, unknown: 0 }]);
    expect(evaluation).toContainEqual({ name: 'esc50', from: 'copy', sources: 3 });
    expect(evaluation).toContainEqual({ name: 'urbansound8k', from: 'published', sources: 1297 });
    const csv = join(root, 'freesound', 'train.csv');
    await writeFile(csv, 'audio,prompt,target\nx.wav,p,t\n');
    const silent = await leaks('--train', csv);
    expect([silent.status, silent.out]).toEqual([
      0,
      expect.stringMatching(/of 1 of 1 examples it is not known where/),
    ]);
    const content = await leaks('--train', csv, '--eval', 'esc50', '--content', '--show', '1');
    expect(content.status).toBe(65); // x.wav and a.wav have the same bytes
    expect(content.out).toMatch(/^ {2}sha256:[0-9a-f]{16}: train\/x\.wav is esc50 a\.wav$/m);
  });

  it('packs shards, which it verifies, counts and compares like the data they are of', async () => {
    const [out, pack] = [join(root, 'shards'), ['data', 'pack', 'freesound', '--data', root]];
    expect((await pengi(...pack, '--out', out)).out).toMatch(
      /^2 recordings with 2 texts in 1 shards, .*shards$/m,
    );
    expect((await pengi(...pack, '--out', out)).out).toContain('(1 were there)');
    expect((await pengi(...pack, '--out', out, '--shard-size', '1GB')).status).toBe(65);
    expect((await pengi(...pack, '--out', out, '--shard-size', 'much')).err).toContain(
      'takes a size such as 256MiB',
    );
    const verified = await pengi('data', 'verify', out, '--decode');
    expect(verified).toMatchObject({ status: 65, out: expect.stringMatching(/^duplicate-audio: 1$/m) }); // x and y are twins
    expect(verified.out).toMatch(/^all +2 +2$/m);
    expect((await pengi('data', 'stats', out)).out).toMatch(/^ {2}generate metadata +2/m);
    expect((await pengi('data', 'leaks', '--train', join(out, '*.tar'), '--data', root)).out).toContain(
      'freesound:7: freesound/x.wav is esc50 all/a.wav',
    );
    const broken = join(root, 'broken.csv');
    await writeFile(broken, 'audio,prompt,target\nfreesound/x.wav,p,t\nESC-50/audio/b.wav,p,t\nno.wav,p,t\n');
    const refused = await pengi('data', 'pack', broken, '--out', join(root, 'b'));
    expect(refused).toMatchObject({
      status: 65,
      err: expect.stringMatching(/broken\.csv:4: "no\.wav" does not exist/),
    });
    const skipped = await pengi('data', 'pack', broken, '--out', join(root, 'b'), '--skip-bad');
    expect(skipped.out).toContain('1 recordings were left out');
    expect(skipped.err).toMatch(/left out: E_AUDIO_FORMAT .*b\.wav/);
  });

  it('verifies manifests, and writes the list down', async () => {
    const [csv, list] = [join(root, 'm.csv'), join(root, 'problems.csv')];
    await writeFile(csv, 'audio,prompt,target\nfreesound/x.wav,p,t\n=cmd().wav,p,t\nfreesound/y.wav,p,\n');
    const { status, out } = await pengi('data', 'verify', csv, '--out', list, '--show', '0');
    expect(status).toBe(65);
    expect(out).toMatch(/^missing-audio: 1\nempty-text: 1$/m);
    expect(out).toContain(`… and 2 more (in ${list})`);
    const lines = (await readFile(list, 'utf8')).split('\n');
    expect(lines[0]).toBe('kind,file,line,split,message');
    expect(lines[1]).toMatch(/^missing-audio,m\.csv,3,,"""=cmd\(\)\.wav"" does not exist in /);
    await pengi('data', 'verify', csv, '--out', join(root, 'problems.jsonl'));
    const [first] = (await readFile(join(root, 'problems.jsonl'), 'utf8')).split('\n');
    expect(JSON.parse(first!)).toMatchObject({ kind: 'missing-audio', line: 3 });
  });

  it('refuses what it does not know', async () => {
    expect(await pengi('data', 'verify', 'esc51', '--data', root)).toMatchObject({ status: 2 });
    expect((await pengi('data', 'verify', 'esc50')).err).toContain('give --data FOLDER or set PENGI_DATA');
    expect((await pengi('data', 'leaks', '--train', 'esc50', '--data', root)).err).toContain(
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
