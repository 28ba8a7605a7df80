import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readLog } from '@pengi/train';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pengi } from '../testing/command-line.js';
import { writeWav } from '../testing/models.js';
import { loadTrainConfig } from './load-config.js';

let dir: string;
const at = (name: string) => join(dir, name);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-train-'));
  const rows = ['audio,prompt,target,split'];
  for (let i = 0; i < 6; i++) {
    await writeWav(
      at(`${i}.wav`),
      Float32Array.from({ length: 16000 }, (_, n) => 0.3 * Math.sin((n * (i + 1)) / 20)),
    );
    const split = i < 4 ? 'train' : 'valid';
    rows.push(`${i}.wav,generate audio caption,a tone of kind ${i % 3},${split}`);
    rows.push(`${i}.wav,question: which kind?,kind ${i % 3},${split}`);
  }
  await writeFile(at('data.csv'), rows.join('\n'));
  await writeFile(at('stage.json'), JSON.stringify({ data: { manifest: 'data.csv' }, steps: 2, batch: 4 }));
  await writeFile(
    at('pengi.ts'),
    `const steps: number = 2;
export default { data: { manifest: 'data.csv' }, steps, batch: 4, from: { clap: 'clap/model', language: 'lm/model' } };`,
  );
});
afterAll(() => rm(dir, { recursive: true }));

describe('loadTrainConfig', () => {
  it('reads TypeScript, counts paths from the folder of the config, and fills in defaults', async () => {
    const config = await loadTrainConfig(at('pengi.ts'));
    expect(config).toMatchObject({ steps: 2, learningRate: 1e-3, clipNorm: 1 });
    expect(config.data.sources).toEqual({ data: { manifest: at('data.csv') } });
    expect(config.from).toEqual({ clap: at('clap/model'), language: at('lm/model') });
  });
});

describe('train', () => {
  it('makes a CLAP, a language model, and a Pengi of both that says something about a recording', async () => {
    const stages = [
      ['clap', 'stage.json'],
      ['lm', 'stage.json'],
      ['pengi', 'pengi.ts'],
    ] as const;
    for (const [what, config] of stages) {
      const run = await pengi('train', what, '--config', at(config), '--out', at(what), '--json');
      expect(run.status).toBe(0);
      const result = JSON.parse(run.out);
      expect(result).toMatchObject({ model: at(`${what}/model`), steps: 2 });
      expect(Number.isFinite(result.validationLoss)).toBe(true);
      expect(await readFile(at(`${what}/report.html`), 'utf8')).toContain('<h3>Loss</h3>');
      expect(await readdir(at(`${what}/tensorboard`))).toHaveLength(1);
      // what was said of validation recordings, beside what was wanted
      const log = await readLog(at(`${what}/log.jsonl`));
      const [evaluation] = log.filter((line) => line.event === 'evaluation');
      const samples = evaluation?.samples ?? [];
      expect(samples.map(({ id }) => id.replace(/^data\/|\.wav.*/g, '')).sort()).toEqual(
        what === 'lm' ? ['4', '5'] : ['4', '4', '5', '5'],
      );
      for (const { target } of samples) expect(target).toMatch(/kind [012]$/);
    }
    const asked = await pengi('ask', at('5.wav'), 'which kind?', '--model', at('pengi/model'));
    expect(asked).toMatchObject({ status: 0, err: '' });
    const config = JSON.parse(await readFile(at('pengi/model/config.json'), 'utf8'));
    expect(config.audio).toEqual(JSON.parse(await readFile(at('clap/model/config.json'), 'utf8')).audio);
  }, 120_000);

  it('leaves runs that are listed, compared and reported', async () => {
    const listed = JSON.parse((await pengi('runs', dir, '--json')).out);
    expect(listed).toMatchObject([
      {
        dir: at('clap'),
        model: 'clap',
        state: 'finished',
        step: 2,
        steps: 2,
        scores: { validationLoss: { best: { step: 2 } } },
      },
      { dir: at('lm'), model: 'language model' },
      { dir: at('pengi'), model: 'pengi' },
    ]);
    const table = (await pengi('runs', 'list', dir)).out;
    expect(table).toMatch(/^clap +clap +finished +2\/2 /m);

    const compared = await pengi(
      'runs',
      'compare',
      at('clap'),
      at('lm'),
      '--html',
      at('both.html'),
      '--json',
    );
    const { differences } = JSON.parse(compared.out);
    expect(differences).toContainEqual({ name: 'record.task', values: ['clap', 'lm'] });
    expect(differences.map(({ name }: { name: string }) => name)).not.toContain('settings.steps');
    expect(await readFile(at('both.html'), 'utf8')).toContain('2 runs: clap, lm');

    const report = await pengi('runs', 'report', at('pengi'), '--out', at('pengi.html'));
    expect(report).toMatchObject({ status: 0, out: `${at('pengi.html')}\n` });
    const page = await readFile(at('pengi.html'), 'utf8');
    const parts = [
      'What the model says',
      '<audio controls',
      'Similarity of recordings',
      'Model card',
      'Environment',
    ];
    expect(parts.filter((part) => !page.includes(part))).toEqual([]);
  });

  it('says what is wrong with what is no run', async () => {
    expect(await pengi('runs', 'compare', at('clap'))).toMatchObject({ status: 2 });
    expect(await pengi('runs', 'report', at('pengi/model'))).toMatchObject({ status: 66 });
    expect(await pengi('runs', at('nowhere'))).toMatchObject({ status: 66 });
    await mkdir(at('empty'), { recursive: true });
    expect((await pengi('runs', at('empty'))).out).toMatch(/^no runs in /);
  });

  it('does not overwrite a run, and goes on with it when told to', async () => {
    const again = await pengi('train', 'lm', '--config', at('stage.json'), '--out', at('lm'));
    expect(again).toMatchObject({ status: 73, err: expect.stringMatching(/^E_CANNOT_CREATE .*resume/) });
    const resumed = await pengi(
      'train',
      'lm',
      '--config',
      at('stage.json'),
      '--out',
      at('lm'),
      '--resume',
      '--json',
    );
    expect(JSON.parse(resumed.out)).toMatchObject({ steps: 2, model: at('lm/model') });
  });

  it('refuses to go on with other data', async () => {
    // The same words, but another kind of tone.
    const text = await readFile(at('data.csv'), 'utf8');
    const data = text.replace(
      '0.wav,generate audio caption,a tone of kind 0',
      '0.wav,generate audio caption,a tone of kind 1',
    );
    expect(data).not.toBe(text);
    await writeFile(at('other.csv'), data);
    await writeFile(
      at('other.json'),
      JSON.stringify({ data: { manifest: 'other.csv' }, steps: 2, batch: 4 }),
    );
    const run = await pengi('train', 'lm', '--config', at('other.json'), '--out', at('lm'), '--resume');
    expect(run.status).toBe(2);
    expect(run.err).toMatch(/dataSha256/);
  });

  it('names a bad recording before it trains, or leaves it out when told to', async () => {
    await writeFile(at('bad.wav'), 'no sound');
    await writeFile(at('bad.csv'), `${await readFile(at('data.csv'), 'utf8')}\nbad.wav,say,a tone,train`);
    const config = (skipBadRows: boolean) =>
      writeFile(
        at('bad.json'),
        JSON.stringify({ data: { manifest: 'bad.csv', skipBadRows }, steps: 1, batch: 4 }),
      );
    await config(false);
    const refused = await pengi('train', 'clap', '--config', at('bad.json'), '--out', at('bad'));
    expect(refused).toMatchObject({ status: 65, err: expect.stringMatching(/^E_AUDIO_\w+ .*bad\.wav/) });
    await config(true);
    const run = await pengi('train', 'clap', '--config', at('bad.json'), '--out', at('bad'));
    expect(run).toMatchObject({ status: 0, err: expect.stringMatching(/left out: E_AUDIO_\w+ .*bad\.wav/) });
    // what is no terminal gets plain lines
    expect(run.err).toMatch(
      /^evaluation at step 1: validationLoss [\d.]+\n {2}\S+, the nearest text: wanted "/m,
    );
    expect(run.err).not.toContain('\x1b');
  }, 60_000);
});
