/** The command line as a whole, on one set of models and recordings, which takes longer to make than to use: hence one file. */
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSafetensors } from '@pengi/checkpoint';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { pengi } from './testing/command-line.js';
import { saveTinyModels, TINY, writeWav } from './testing/models.js';

const workspace = process.cwd();
let dir: string;
const at = (name: string) => join(dir, name);
const tone = Float32Array.from({ length: 8000 }, (_, n) => 0.3 * Math.sin(n / 5));

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-cli-'));
  vi.stubEnv('PENGI_MODEL', undefined);
  process.chdir(dir); // the workspace may hold a model of the quickstart, which is the default
  await saveTinyModels(dir);
  await writeWav(at('tone.wav'), tone);
  await writeWav(
    at('other.wav'),
    tone.map((x, n) => x * Math.sin(n / 700)),
  );
});
afterAll(async () => {
  vi.unstubAllEnvs();
  process.chdir(workspace);
  await rm(dir, { recursive: true });
});

describe('caption', () => {
  it('prints one text per file, names beside them when there are several', async () => {
    const one = await pengi('caption', at('tone.wav'), '--model', at('model'));
    expect(one).toMatchObject({ status: 0, err: '' });
    const two = await pengi('caption', at('tone.wav'), at('other.wav'), '--model', at('model'));
    expect(two.status).toBe(0);
    const lines = two.out.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toBe(`${at('tone.wav')}: ${one.out.trimEnd()}`);
    expect(lines[1]).toMatch(`${at('other.wav')}: `);
  });

  it('prints a JSON line per file with --json', async () => {
    const { out } = await pengi('caption', at('tone.wav'), '--model', at('model'), '--json', '--beams', '3');
    const answer = JSON.parse(out);
    expect(answer).toMatchObject({ file: at('tone.wav'), warnings: [] });
    expect(typeof answer.text).toBe('string');
    expect(answer.alternatives).toHaveLength(2);
  });

  it('goes on from --continue', async () => {
    const { out } = await pengi('caption', at('tone.wav'), '--model', at('model'), '--continue', 'a dog');
    expect(out).toMatch(/^a dog/);
  });

  it('says that a long prompt was cut', async () => {
    const prompt = Array(60).fill('generate').join(' ');
    const { status, out, err } = await pengi(
      'caption',
      at('tone.wav'),
      '--model',
      at('model'),
      '--prompt',
      prompt,
    );
    expect(status).toBe(0);
    expect(out).not.toBe('');
    expect(err).toMatch(/^pengi: .*tone\.wav: .*prompt.* 40 tokens.*\n$/);
  });

  it('is given by a clapcap, too, which takes no prompt', async () => {
    const caption = (...more: string[]) =>
      pengi('caption', at('tone.wav'), '--model', at('clapcap'), ...more);
    const { status, out, err } = await caption('--max-tokens', '5', '--json', '--beams', '2');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    const answer = JSON.parse(out);
    expect(answer).toMatchObject({ file: at('tone.wav'), warnings: [] });
    expect(answer.alternatives).toHaveLength(1);
    for (const [option, text] of [
      ['--prompt', 'generate metadata'],
      ['--continue', 'a dog'],
    ] as const)
      expect(await caption(option, text)).toMatchObject({
        status: 2,
        err: expect.stringMatching(/^E_USAGE .*clapcap: clapcap takes neither a prompt nor /),
      });
    expect((await pengi('ask', at('tone.wav'), 'what is it?', '--model', at('clapcap'))).status).toBe(2);
    const embed = (...more: string[]) => pengi('embed', at('tone.wav'), '--model', at('clapcap'), ...more);
    expect((await embed()).out).toMatch(/tone\.wav: \[.*\(128\)\n$/);
    expect(await embed('--text', 'a dog')).toMatchObject({
      status: 2,
      err: expect.stringMatching(/E_USAGE/),
    });
  });

  it('reports a bad file and goes on with the others', async () => {
    const { status, out, err } = await pengi(
      'caption',
      at('missing.wav'),
      at('tone.wav'),
      '--model',
      at('model'),
    );
    expect(status).toBe(66);
    expect(err).toMatch(/^E_NOT_FOUND .*missing\.wav: .*\n$/);
    expect(out).toMatch(`${at('tone.wav')}: `);
  });

  it('draws the same text again with the same seed', async () => {
    const draw = (seed: string) =>
      pengi(
        'caption',
        at('tone.wav'),
        '--model',
        at('model'),
        '--strategy',
        'sample',
        '--seed',
        seed,
        '--max-tokens',
        '12',
      );
    const [one, again, other] = [await draw('1'), await draw('1'), await draw('2')];
    expect(one.out).toBe(again.out);
    expect(one.out).not.toBe(other.out);
  });
});

describe('ask', () => {
  it('answers a question about a file', async () => {
    const { status, out } = await pengi('ask', at('tone.wav'), 'what is it?', '--model', at('model'));
    expect(status).toBe(0);
    expect(out).toMatch(/\n$/);
  });
});

describe('classify', () => {
  it('ranks labels in both ways', async () => {
    const { out, status } = await pengi(
      'classify',
      at('tone.wav'),
      '--model',
      at('model'),
      '--labels',
      'a dog, a cat',
      '--json',
    );
    expect(status).toBe(0);
    const { methods } = JSON.parse(out);
    expect(Object.keys(methods)).toEqual(['text matching', 'log-likelihood']);
    for (const ranked of Object.values<{ label: string; score: number }[]>(methods)) {
      expect(ranked.map(({ label }) => label).sort()).toEqual(['a cat', 'a dog']);
      expect(ranked[0]!.score).toBeGreaterThanOrEqual(ranked[1]!.score);
    }
  });

  it('compares embeddings when the model is a CLAP', async () => {
    const { out } = await pengi(
      'classify',
      at('tone.wav'),
      '--model',
      at('clap'),
      '--labels',
      'dog,cat',
      '--json',
    );
    const [best, worst] = JSON.parse(out).methods['zero-shot'];
    expect(best.score + worst.score).toBeCloseTo(1, 5);
  });
});

describe('embed', () => {
  it('writes embeddings of length 1 that a retrieval can use', async () => {
    const file = at('embeddings.safetensors');
    const { status } = await pengi(
      'embed',
      at('tone.wav'),
      at('other.wav'),
      '--text',
      'a dog',
      '--model',
      at('clap'),
      '--out',
      file,
    );
    expect(status).toBe(0);
    const found = await openSafetensors(file);
    const [audio, text] = [found.array('audio'), found.array('text')];
    expect([audio.shape, text.shape]).toEqual([
      [2, 128],
      [1, 128],
    ]);
    const row = Array.from(audio.data.slice(0, 128), Number);
    expect(Math.hypot(...row)).toBeCloseTo(1, 5);
  });

  it('agrees between a CLAP folder and the Pengi that was built on it, line by line', async () => {
    const { out } = await pengi('embed', '--text', 'a dog', 'a cat', '--model', at('clap'), '--json');
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).name),
    ).toEqual(['a dog', 'a cat']);
  });
});

describe('doctor', () => {
  it('names the engine, why it, and what the others lack', async () => {
    const { out } = await pengi('doctor', '--json', '--engine', 'cpu');
    const facts = JSON.parse(out);
    expect(facts).toMatchObject({ engine: 'cpu', why: 'asked for as "cpu"', node: process.version });
    expect(facts.engines.map(({ name }: { name: string }) => name).sort()).toEqual([
      'cpu',
      'jit',
      'tensorflow',
      'wasm',
    ]);
  });
});

describe('bad input', () => {
  const nan = tone.slice().fill(Number.NaN, 100, 200);
  const make: Record<string, () => Promise<void>> = {
    'empty.wav': () => writeFile(at('empty.wav'), ''),
    'text.wav': () => writeFile(at('text.wav'), 'no sound in here, only words\n'.repeat(20)),
    'zero-samples.wav': () => writeWav(at('zero-samples.wav'), new Float32Array()),
    'nan.wav': () => writeWav(at('nan.wav'), nan),
    'folder.wav': async () => void (await mkdir(at('folder.wav'))),
    wrong: async () => {
      // The config of another size beside the weights.
      await cp(at('model'), at('wrong'), { recursive: true });
      const config = { ...TINY.pengi, audioMapper: { ...TINY.pengi.audioMapper, layers: 3 } };
      await writeFile(at('wrong/config.json'), JSON.stringify(config));
    },
    'broken-config': async () => {
      await cp(at('model'), at('broken-config'), { recursive: true });
      await writeFile(
        at('broken-config/config.json'),
        JSON.stringify({ ...TINY.pengi, gpt2: { width: 'wide' } }),
      );
    },
    'empty-folder': async () => void (await mkdir(at('empty-folder'))),
    'train.json': () => writeFile(at('train.json'), '{ "data": { "manifest": 3 }, "stepps": 5 }'),
    'train.csv': () => writeFile(at('train.csv'), 'audio,prompt,target\nnone.wav,say,it\n'),
    'trains.json': () => writeFile(at('trains.json'), '{ "data": { "manifest": "train.csv" }, "steps": 5 }'),
  };
  beforeAll(async () => {
    for (const write of Object.values(make)) await write();
  });

  const table: [what: string, args: () => string[], status: number, message: RegExp][] = [
    [
      'a missing file',
      () => ['caption', at('no.wav'), '--model', at('model')],
      66,
      /^E_NOT_FOUND .*no\.wav: /,
    ],
    [
      'a folder for a file',
      () => ['caption', at('folder.wav'), '--model', at('model')],
      66,
      /^E_NOT_FOUND .*folder\.wav: /,
    ],
    [
      'an empty file',
      () => ['caption', at('empty.wav'), '--model', at('model')],
      65,
      /^E_AUDIO_EMPTY .*empty\.wav: /,
    ],
    [
      'text renamed to .wav',
      () => ['caption', at('text.wav'), '--model', at('model')],
      65,
      /^E_AUDIO_FORMAT .*text\.wav: /,
    ],
    [
      'zero samples',
      () => ['caption', at('zero-samples.wav'), '--model', at('model')],
      65,
      /^E_AUDIO_EMPTY .*zero-samples\.wav: /,
    ],
    [
      'NaN samples',
      () => ['caption', at('nan.wav'), '--model', at('model')],
      65,
      /^E_AUDIO_NONFINITE .*nan\.wav: /,
    ],
    ['no model', () => ['caption', at('tone.wav')], 2, /^E_USAGE no model was named; .*--model/],
    [
      'an unknown model',
      () => ['caption', at('tone.wav'), '--model', at('nowhere')],
      66,
      /^E_NOT_FOUND .*nowhere: /,
    ],
    [
      'a folder without a model',
      () => ['caption', at('tone.wav'), '--model', at('empty-folder')],
      65,
      /^E_CHECKPOINT .*empty-folder.*config\.json/,
    ],
    [
      'a CLAP for a Pengi',
      () => ['caption', at('tone.wav'), '--model', at('clap')],
      2,
      /^E_CONFIG .*clap.*model/,
    ],
    [
      'a config that is damaged',
      () => ['caption', at('tone.wav'), '--model', at('broken-config')],
      2,
      /^E_CONFIG .*gpt2\.width/,
    ],
    [
      'a config for other weights',
      () => ['caption', at('tone.wav'), '--model', at('wrong')],
      65,
      /^E_WEIGHTS .*audio_project\.transformer\.layers\.2\./,
    ],
    [
      'a word outside of the vocabulary',
      () => ['ask', at('tone.wav'), 'quo vadis', '--model', at('model')],
      65,
      /^E_TEXT .*vadis/,
    ],
    [
      'an empty label',
      () => ['classify', at('tone.wav'), '--labels', 'dog,,cat', '--model', at('model')],
      2,
      /^E_USAGE --labels holds an empty label/,
    ],
    [
      'no labels',
      () => ['classify', at('tone.wav'), '--labels', '', '--model', at('model')],
      2,
      /^E_USAGE --labels holds an empty label/,
    ],
    [
      'an output that cannot be written',
      () => ['embed', at('tone.wav'), '--model', at('clap'), '--out', at('tone.wav/e.safetensors')],
      73,
      /^E_CANNOT_CREATE .*e\.safetensors/,
    ],
    [
      'an unknown engine',
      () => ['caption', at('tone.wav'), '--model', at('model'), '--engine', 'abacus'],
      2,
      /^E_USAGE .*abacus.*jit/,
    ],
    [
      'no number of threads',
      () => ['caption', at('tone.wav'), '--model', at('model'), '--threads', 'many'],
      2,
      /^E_USAGE .*--threads/,
    ],
    [
      'a text tower that is not there',
      () => ['embed', '--text', 'a dog', '--model', at('nowhere')],
      66,
      /^E_NOT_FOUND /,
    ],
    ['nothing to embed', () => ['embed', '--model', at('clap')], 2, /^E_USAGE nothing to embed/],
    [
      'a config that does not exist',
      () => ['train', 'clap', '--config', at('no.json')],
      66,
      /^E_NOT_FOUND .*no\.json/,
    ],
    [
      'a config with wrong fields',
      () => ['train', 'clap', '--config', at('train.json'), '--out', at('run')],
      2,
      /^E_CONFIG .*train\.json: .*data\.manifest.*stepps/,
    ],
    [
      'a manifest with a missing recording',
      () => ['train', 'clap', '--config', at('trains.json'), '--out', at('run')],
      65,
      /^E_DATA .*train\.csv:2: .*none\.wav/,
    ],
  ];

  it.each(table)('%s: one line, its code and its exit status', async (_what, args, status, message) => {
    const run = await pengi(...args());
    expect(run.err).toMatch(message);
    expect(run.err.trimEnd()).not.toContain('\n');
    expect(run.out).toBe('');
    expect(run.status).toBe(status);
  });

  it('leaves nothing half-written', async () => {
    expect(existsSync(at('run'))).toBe(false);
    const left = (await readdir(dir)).filter((name) => /tmp|partial|\.safetensors/.test(name));
    expect(left).toEqual(['embeddings.safetensors']);
    expect((await readFile(at('tone.wav'))).byteLength).toBe(44 + tone.byteLength);
  });

  it('prints errors as JSON with --json, and a stack with --debug only', async () => {
    const json = await pengi('caption', at('no.wav'), '--model', at('model'), '--json');
    expect(JSON.parse(json.err)).toMatchObject({ error: { code: 'E_NOT_FOUND', file: at('no.wav') } });
    const debug = await pengi('caption', at('no.wav'), '--model', at('model'), '--debug');
    expect(debug.err).toMatch(/\n {4}at /);
  });

  it('explains usage, and exits with 2 for what it does not know', async () => {
    expect(await pengi('--help')).toMatchObject({ status: 0, out: expect.stringContaining('caption') });
    expect(await pengi('caption', '--help')).toMatchObject({
      status: 0,
      out: expect.stringContaining('Examples:'),
    });
    expect((await pengi('sing')).status).toBe(2);
    expect((await pengi('caption')).status).toBe(2);
    expect((await pengi('caption', at('tone.wav'), '--strategy', 'guess')).status).toBe(2);
  });
});
