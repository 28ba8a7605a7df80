import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { melFilterBank } from '@pengi/audio-frontend';
import { saveModelFolder, writeSafetensors } from '@pengi/checkpoint';
import { clapSpec, HTSAT_PREFIX } from '@pengi/clap';
import { flatten, floats, type NdArray, sizeOf, type Tree } from '@pengi/core';
import { initParams, type ParamSpec } from '@pengi/nn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectModel } from './inspect.js';
import type { PartReport } from './inspect-parts.js';
import { pengiSpec } from './params.js';
import { BASE, NO_TEXT_ENCODER, SMALL } from './testing/models.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'inspect-'));
});
afterAll(() => rm(dir, { recursive: true }));

type Arrays = Record<string, NdArray<'float32'>>;
const MEL_BANK = `${HTSAT_PREFIX}logmel_extractor.melW`;

const fresh = (config = BASE) =>
  flatten(initParams(pengiSpec(config), 1) as Tree<NdArray<'float32'>>) as Arrays;

/** A folder with these tensors, after `change`. */
async function folder(name: string, change: (tensors: Arrays) => void = () => {}, config: object = BASE) {
  const tensors = fresh(config as typeof BASE);
  change(tensors);
  await saveModelFolder(join(dir, name), { config, tensors });
  return join(dir, name);
}

const byName = (parts: readonly PartReport[]) => Object.fromEntries(parts.map((part) => [part.name, part]));

describe('a model folder', () => {
  it('is counted by its parts', async () => {
    const path = await folder('base');
    const report = await inspectModel(path);
    expect(report).toMatchObject({ family: 'pengi-base', title: 'Pengi base', problems: [], melBank: null });
    const spec = flatten<ParamSpec>(pengiSpec(BASE) as Tree<ParamSpec>);
    const counted = (pattern: RegExp) =>
      Object.entries(spec).reduce(
        (sum, [name, { shape }]) => sum + (pattern.test(name) ? sizeOf(shape) : 0),
        0,
      );
    expect(report.parameters).toBe(counted(/./));
    const parts = byName(report.parts);
    expect(Object.keys(parts)).toEqual([
      'audio classifier',
      'audio encoder',
      'audio projection',
      'text tower',
      'text projection',
      'audio mapper',
      'prompt mapper',
      'language model',
    ]);
    expect(parts['language model']!.parameters).toBe(counted(/^caption_decoder\.gpt/));
    expect(parts['text tower']!.parameters).toBe(counted(/^caption_encoder\.base/));
    expect(parts['audio classifier']!.parameters).toBe(counted(/tscam_conv|head\.(weight|bias)/));
    expect(report.dtypes).toEqual({ F32: report.parameters });
    const bytes = await readFile(join(path, 'model.safetensors'));
    expect(report.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(report.memory!.weights).toBe(4 * report.parameters);
  });

  it('has the statistics of its numbers, and a fingerprint of each part', async () => {
    const gains = 'caption_decoder.gpt.transformer.ln_f.weight';
    const path = await folder('moved', (tensors) => {
      tensors[gains] = floats(new Float32Array(128).fill(3));
    });
    const [changed, base] = [
      byName((await inspectModel(path)).parts),
      byName((await inspectModel(join(dir, 'base'))).parts),
    ];
    const [{ gains: moved, weights }, { gains: old }] = [changed['language model']!, base['language model']!];
    expect(old).toEqual({ count: 5 * 128, mean: 1, min: 1, max: 1 }); // two blocks of two, and the last
    expect(moved).toEqual({ count: 640, mean: (4 + 3) / 5, min: 1, max: 3 });
    const matrices = Object.entries(fresh()).filter(
      ([name, { shape }]) => name.startsWith('caption_decoder.gpt') && shape.length >= 2,
    );
    const values = matrices.flatMap(([, { data }]) => [...data]);
    expect(weights!.rms).toBeCloseTo(Math.sqrt(values.reduce((s, x) => s + x * x, 0) / values.length), 6);
    for (const [name, { sha256 }] of Object.entries(base))
      expect(sha256 === changed[name]!.sha256).toBe(name !== 'language model');
    expect([changed['language model']!.isFresh, base['language model']!.isFresh]).toEqual([false, true]);
  });

  it('says which parts were never trained', async () => {
    const { notes } = await inspectModel(join(dir, 'base'));
    expect(notes).toContain('language model: untrained, its normalisations are all as at the start');
    expect(notes).toContain('audio encoder: bn0 has no statistics of log-mels (running_mean is 0)');
  });

  it.each<[string, object, string, string]>([
    ['without a text tower', NO_TEXT_ENCODER, 'pengi-base-no-text-enc', 'Pengi base_no_text_enc'],
  ])('%s is told by its names', async (_what, config, family, title) => {
    expect(await inspectModel(await folder('other', () => {}, config))).toMatchObject({
      family,
      title,
      problems: [],
    });
  });

  it('may hold a CLAP, with its scale', async () => {
    const tensors = initParams(clapSpec(SMALL.clap), 1);
    await saveModelFolder(join(dir, 'clap'), { config: SMALL.clap, tensors });
    const report = await inspectModel(join(dir, 'clap'));
    expect(report).toMatchObject({ family: 'clap', problems: [] });
    expect(report.scale).toBeCloseTo(1 / 0.07, 4);
  });
});

describe('the mel bank', () => {
  const { fftSize, mels } = BASE.frontend;
  const bank = (fMax: number) =>
    melFilterBank({ sampleRate: BASE.frontend.melSampleRate, fftSize, mels, fMin: 50, fMax });

  it('is compared with the computed one', async () => {
    const path = await folder('banked', (tensors) => {
      tensors[MEL_BANK] = bank(BASE.frontend.fMax);
    });
    const { melBank, parameters, parts } = await inspectModel(path);
    expect(melBank).toMatchObject({ fromConfig: 0, computed: { fMin: 50, fMax: BASE.frontend.fMax } });
    expect(byName(parts)['front-end kernels']).toMatchObject({ isModel: false, parameters: 513 * 64 });
    expect(parameters).toBe((await inspectModel(join(dir, 'base'))).parameters);
  });

  it('that nobody knows is noted', async () => {
    const path = await folder('strange', (tensors) => {
      tensors[MEL_BANK] = bank(5000);
    });
    const { melBank, notes, problems } = await inspectModel(path);
    expect(melBank!.computed).toBeNull();
    expect(melBank!.fromConfig).toBeGreaterThan(0.001);
    expect(notes.join()).toContain('the mel bank is its own: max |d|');
    expect(problems).toEqual([]);
  });
});

describe('what is wrong', () => {
  it.each<[string, (tensors: Arrays) => void, RegExp]>([
    [
      'a number that is none',
      (tensors) => {
        tensors['caption_decoder.gpt.transformer.wte.weight']!.data[7] = Number.NaN;
      },
      /^language model: NaN or infinities in caption_decoder\.gpt\.transformer\.wte\.weight$/,
    ],
    [
      'a tensor that is missing',
      (tensors) => {
        delete tensors['caption_decoder.audio_project.linear.bias'];
      },
      /1 missing\n {2}- caption_decoder\.audio_project\.linear\.bias/,
    ],
    [
      'an output layer that is not the embedding',
      (tensors) => {
        const { data, shape } = tensors['caption_decoder.gpt.transformer.wte.weight']!;
        tensors['caption_decoder.gpt.lm_head.weight'] = floats(
          data.map((x) => x + 1),
          shape,
        );
      },
      /lm_head\.weight is not .*wte\.weight: their values differ/,
    ],
  ])('is told of %s', async (what, change, message) => {
    const { problems } = await inspectModel(await folder(what, change));
    expect(problems).toEqual([expect.stringMatching(message)]);
  });

  it('is told of matrices that are all zeros', async () => {
    const name = 'caption_encoder.projection.linear1.weight';
    const { notes } = await inspectModel(
      await folder('zeros', (tensors) => {
        tensors[name]!.data.fill(0);
      }),
    );
    expect(notes).toContain(`text projection: all zeros in ${name}`);
  });

  it('is told of another family’s config', async () => {
    await saveModelFolder(join(dir, 'mixed'), { config: BASE, tensors: fresh(NO_TEXT_ENCODER) });
    const { title, problems } = await inspectModel(join(dir, 'mixed'));
    expect(title).toBe('Pengi base_no_text_enc');
    expect(problems).toHaveLength(1);
  });

  it('is told of names that nobody knows, which are counted all the same', async () => {
    const path = join(dir, 'foreign.safetensors');
    await writeSafetensors(path, { 'encoder.weight': floats([1, 2, 3, 4], [2, 2]), bias: floats([5]) });
    const report = await inspectModel(path);
    expect(report).toMatchObject({ family: null, title: 'no known family', parameters: 5, memory: null });
    expect(report.problems).toEqual([expect.stringMatching(/^no known family: 2 tensors/)]);
    expect(report.parts).toMatchObject([{ name: 'others', weights: { mean: 2.5 } }]);
  });

  it.each([
    ['nothing', async () => {}, 'E_NOT_FOUND'],
    ['no checkpoint', (path: string) => writeFile(path, 'only words'), 'E_CHECKPOINT'],
  ])('is an error for %s', async (what, write, code) => {
    const path = join(dir, `${what}.pth`);
    await write(path);
    await expect(inspectModel(path)).rejects.toMatchObject({ code });
  });
});
