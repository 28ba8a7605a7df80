import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSafetensors } from '@pengi/checkpoint';
import { createRng } from '@pengi/core';
import { PROMPTS } from '@pengi/datasets';
import { readLog } from '@pengi/train';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { pengi } from '../testing/command-line.js';
import { saveTinyModels, writeWav } from '../testing/models.js';
import { clapCaption } from './stages.js';

let dir: string;
const at = (name: string) => join(dir, name);

const tone = (i: number) =>
  Float32Array.from({ length: 16000 }, (_, n) => 0.3 * Math.sin((n * (i + 1)) / 20));

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-fine-tune-'));
  await saveTinyModels(dir);
  const rows = ['audio,prompt,target'];
  for (let i = 0; i < 10; i++) {
    await writeWav(at(`${i}.wav`), tone(i));
    rows.push(`${i}.wav,this is a sound of,${i % 2 ? 'dog' : 'a violin'}`);
  }
  await writeFile(at('my.csv'), rows.join('\n'));
});
afterAll(() => rm(dir, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

async function tensorsOf(model: string): Promise<Map<string, string>> {
  const file = await openSafetensors(at(`${model}/model.safetensors`));
  const found = [...file.tensors.keys()].map((name): [string, string] => [
    name,
    Buffer.from(file.read(name).bytes).toString('base64'),
  ]);
  file.close();
  return new Map(found);
}

/** Tensors of two models that differ; those of other sizes are left out. */
async function changedBetween(a: string, b: string): Promise<string[]> {
  const [before, after] = [await tensorsOf(a), await tensorsOf(b)];
  return [...before]
    .filter(([name, bytes]) => after.get(name)?.length === bytes.length && after.get(name) !== bytes)
    .map(([name]) => name);
}

const tune = (out: string, ...flags: string[]) =>
  pengi(
    'train',
    'pengi',
    '--data',
    at('my.csv'),
    '--from',
    at('model'),
    '--out',
    at(out),
    '--json',
    ...flags,
  );

describe('training on recordings of one’s own', () => {
  it('goes on with a model, learns words that it did not know, and leaves the towers as they are', async () => {
    const run = await tune('whole', '--steps', '3');
    expect(run).toMatchObject({
      status: 0,
      err: expect.stringMatching(/tokens of the texts are new to the model/),
    });
    const changed = await changedBetween('model', 'whole/model');
    expect(changed).toContain('caption_decoder.audio_project.linear.weight');
    expect(changed.filter((name) => /audio_encoder\.base|caption_encoder\.base|\.gpt\./.test(name))).toEqual(
      [],
    );
    // The model did not know "violin"; it can be asked about one now.
    const labels = ['--labels', 'a violin,dog'];
    expect((await pengi('classify', at('1.wav'), ...labels, '--model', at('model'))).err).toContain('violin');
    expect((await pengi('classify', at('1.wav'), ...labels, '--model', at('whole/model'))).status).toBe(0);
  });

  it('does the same for CLAP and for a language model', async () => {
    for (const [what, from] of [
      ['clap', 'clap'],
      ['lm', 'model'],
    ] as const) {
      const args = ['--data', at('my.csv'), '--from', at(from), '--out', at(`own-${what}`), '--steps', '2'];
      const run = await pengi('train', what, ...args);
      expect(run).toMatchObject({ status: 0, err: expect.stringContaining('are new to the model') });
    }
  });

  it('learns adapters alone, which are in the weights in the end, or the mappers alone', async () => {
    expect((await tune('lora', '--steps', '3', '--lora', '2')).status).toBe(0);
    const adapted = await changedBetween('model', 'lora/model');
    expect(adapted.filter((name) => name.includes('lora'))).toEqual([]);
    expect(adapted).toContain('audio_encoder.base.htsat.layers.0.blocks.0.attn.qkv.weight');
    expect(adapted.filter((name) => /mlp|norm/.test(name) && !/_project/.test(name))).toEqual([]);

    expect((await tune('mappers', '--steps', '3', '--mapper-only')).status).toBe(0);
    const mapped = await changedBetween('model', 'mappers/model');
    expect(mapped.length).toBeGreaterThan(0);
    expect(mapped.every((name) => /_project\./.test(name))).toBe(true);
  });

  it('ends when evaluations get no better, with the parameters of the best one', async () => {
    const config = {
      data: { manifest: 'my.csv', validation: 0.3 },
      from: { model: 'model' },
      steps: 40,
      batch: 4,
      warmupSteps: 0,
      // So high that it gets worse at once.
      learningRate: 0.5,
      evaluateEvery: 1,
      checkpointEvery: 40,
    };
    await writeFile(at('worse.json'), JSON.stringify(config));
    const run = await pengi(
      'train',
      'pengi',
      '--config',
      at('worse.json'),
      '--patience',
      '3',
      '--out',
      at('worse'),
      '--json',
    );
    const { steps, best, stoppedEarly } = JSON.parse(run.out);
    expect(stoppedEarly).toBe(true);
    expect(steps).toBe(best.step + 3);
    const log = await readLog(at('worse/log.jsonl'));
    const losses = log.flatMap((line) =>
      line.event === 'evaluation' ? [line.values.validationLoss as number] : [],
    );
    expect(best.value).toBe(Math.min(...losses));
    const checkpoint = await openSafetensors(
      at(`worse/checkpoints/step-${String(best.step).padStart(6, '0')}/params.safetensors`),
    );
    const name = 'caption_decoder.audio_project.linear.weight';
    const inCheckpoint = Buffer.from(checkpoint.read(name).bytes).toString('base64');
    checkpoint.close();
    expect((await tensorsOf('worse/model')).get(name)).toBe(inCheckpoint);
    expect(await readFile(at('worse/model/README.md'), 'utf8')).toContain(`Step ${best.step} of ${steps}`);
  });

  it('says what is missing, and which flags do not go together', async () => {
    const cases: [string[], string][] = [
      [[], 'nothing says what to train'],
      [['pengi'], 'there is nothing to train on'],
      [['--recipe', 'none'], 'there is no recipe "none"'],
      [['clap', '--recipe', 'mini-lm'], 'the recipe mini-lm trains "lm", not "clap"'],
      [['--recipe', 'mini-lm', '--config', 'a.json'], '--config and --recipe both say what to do'],
      [
        ['pengi', '--data', 'a.csv', '--steps', '1', '--epochs', '1'],
        '--steps and --epochs both say how long',
      ],
      [['pengi', '--data', at('none.csv')], 'none.csv'],
    ];
    for (const [args, message] of cases) {
      const run = await pengi('train', ...args);
      expect(run.status).not.toBe(0);
      expect(run.err).toContain(message);
    }
  });
});

describe('data sets as sources', () => {
  it('are mixed with manifests; what evaluation sets have is left out, or refused', async () => {
    const sets = at('sets');
    await mkdir(join(sets, 'ESC-50/audio'), { recursive: true });
    await mkdir(join(sets, 'ESC-50/meta'), { recursive: true });
    const meta = ['filename,fold,target,category,esc10,src_file,take'];
    for (let i = 0; i < 4; i++) {
      const name = `1-${100 + i}-A-0.wav`;
      await writeWav(join(sets, 'ESC-50/audio', name), tone(i));
      meta.push(`${name},${i < 3 ? 1 : 2},0,${i % 2 ? 'dog' : 'cat'},True,${100 + i},A`);
    }
    await writeFile(join(sets, 'ESC-50/meta/esc50.csv'), `${meta.join('\n')}\n`);
    const config = (leaks: object) => ({
      data: {
        sources: {
          own: { manifest: 'my.csv' },
          esc: { set: 'esc50', folds: [1], prompts: ['this is a sound of'] },
        },
        weights: { own: 1, esc: 3 },
        sets: 'sets',
        leaks,
        validation: 0,
      },
      from: { model: 'model' },
      mapperOnly: true,
      steps: 2,
      batch: 4,
    });
    await writeFile(at('mixed.json'), JSON.stringify(config({ except: ['esc50'] })));
    const run = await pengi('train', 'pengi', '--config', at('mixed.json'), '--out', at('mixed'));
    expect(run).toMatchObject({
      status: 0,
      out: expect.stringContaining('13 examples to train on, 0 to validate'),
    });
    const facts = JSON.parse(await readFile(at('mixed/facts.json'), 'utf8'));
    expect(facts.data).toMatchObject({
      own: expect.stringContaining('25'),
      esc: expect.stringContaining('75'),
    });

    await writeFile(at('refuse.json'), JSON.stringify(config({ found: 'refuse' })));
    const refused = await pengi('train', 'pengi', '--config', at('refuse.json'), '--out', at('refused'));
    expect(refused.status).not.toBe(0);
    expect(refused.err).toMatch(/recordings of evaluation sets are among the training data: .*esc: 3 of 3/);
  });

  it('say where they are looked for', async () => {
    vi.stubEnv('PENGI_DATA', undefined);
    const run = await pengi('train', '--recipe', 'mini-clap', '--out', at('nowhere'));
    expect(run.err).toMatch(/nothing says where the data set esc50 .*--sets FOLDER/);
  });
});

describe('what CLAP is told', () => {
  const rng = createRng(0);

  it('is the paper’s wording of classes for labels, and anything else as it is', () => {
    const told = (prompt: string, target: string) =>
      clapCaption({ prompt, target }, { firstPartAlone: 0, rng });
    expect(told(PROMPTS.scene, 'park')).toBe('this is a sound of park');
    expect(told(PROMPTS.note, 'produced by flute, pitch 60')).toBe('this is a sound of flute, pitch 60');
    expect(told(PROMPTS.caption, 'a dog, barking')).toBe('a dog, barking');
  });

  it('is the first part alone as often as wanted', () => {
    const target = 'produced by flute, pitch 60, bright';
    const told = Array.from({ length: 400 }, () =>
      clapCaption({ prompt: PROMPTS.note, target }, { firstPartAlone: 0.7, rng }),
    );
    const alone = told.filter((text) => text === 'this is a sound of flute').length;
    expect(told.filter((text) => text === 'this is a sound of flute, pitch 60, bright').length).toBe(
      400 - alone,
    );
    expect(Math.abs(alone / 400 - 0.7)).toBeLessThan(0.08);
  });
});
