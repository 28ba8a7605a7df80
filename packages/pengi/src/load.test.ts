import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeWav } from '@pengi/audio-frontend';
import {
  bfloat16ToFloat,
  floatToBfloat16,
  floatToHalf,
  halfToFloat,
  saveModelFolder,
} from '@pengi/checkpoint';
import { clapSpec } from '@pengi/clap';
import { flatten, floats, ints, leaves, mapTree, type NdArray, sizeOf } from '@pengi/core';
import { initParams, type ParamSpec } from '@pengi/nn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  PENGI_BASE,
  PENGI_NO_TEXT_ENCODER,
  PENGI_PAPER,
  type PengiConfig,
  pengiConfigSchema,
} from './config.js';
import { loadPengi, pengiParams } from './load.js';
import { pengiSpec } from './params.js';
import { createPengi } from './pengi.js';
import { BASE, NO_TEXT_ENCODER, paramsOf, pengiOf, SMALL, testEngine, tone } from './testing/models.js';

const params = paramsOf(BASE);
const tensors = flatten<NdArray>(params);
const zeros = (shape: number[]) => floats(new Float32Array(sizeOf(shape)), shape);

describe('the spec', () => {
  const count = (config: PengiConfig, part: string) =>
    leaves<ParamSpec>(pengiSpec(config))
      .filter(([path]) => path.startsWith(part))
      .reduce((total, [, { shape }]) => total + sizeOf(shape), 0);

  it('has the parameters of the released mappers', () => {
    expect(count(PENGI_BASE, 'caption_decoder.audio_project')).toBe(50_417_664);
    expect(count(PENGI_BASE, 'caption_decoder.text_project')).toBe(50_417_664);
    expect(count(PENGI_NO_TEXT_ENCODER, 'caption_decoder.text_project')).toBe(18_929_664);
  });

  it('has 8 layers in the mappers of the paper', () => {
    const layers = pengiSpec(PENGI_PAPER).caption_decoder.audio_project as {
      transformer: { layers: unknown[] };
    };
    expect(layers.transformer.layers).toHaveLength(8);
  });

  it('has no text encoder where the config has none', () => {
    expect(count(PENGI_NO_TEXT_ENCODER, 'caption_encoder')).toBe(0);
    expect(count(PENGI_BASE, 'caption_encoder')).toBeGreaterThan(60e6);
  });
});

describe('a config', () => {
  it.each<[string, Partial<PengiConfig>, string]>([
    ['mapper', { audioMapper: { ...BASE.audioMapper, width: 64 } }, "audioMapper: width must be gpt2's, 128"],
    ['embedding', { embedding: 64 }, 'audioMapper: inputs must be 64; promptMapper: inputs must be 64'],
    [
      'sequence for audio',
      { audioMapper: NO_TEXT_ENCODER.promptMapper },
      'audioMapper: a sequence mapper takes',
    ],
    ['text encoder', { text: null }, 'promptMapper: a sequence mapper goes with text: null'],
    [
      'positions',
      { gpt2: { ...BASE.gpt2, positions: 16 } },
      'gpt2: a prefix of 16 leaves no position for text',
    ],
    ['mels', { frontend: { ...BASE.frontend, mels: 32 } }, 'audio: mels must be those of the frontend, 32'],
    ['stop token', { stopToken: 1234 }, 'stopToken: must be in the vocabulary of gpt2'],
    ['gpt2', { gpt2: { ...BASE.gpt2, heads: 3 } }, 'gpt2.heads: heads must divide width'],
  ])('is refused when parts do not go together: %s', async (_what, fields, message) => {
    const engine = await testEngine();
    expect(() => createPengi(params, { ...BASE, ...fields }, { engine })).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining(message) }),
    );
  });

  it.each([PENGI_BASE, PENGI_NO_TEXT_ENCODER, PENGI_PAPER])('is valid as a preset', (config) => {
    expect(pengiConfigSchema.parse(JSON.parse(JSON.stringify(config)))).toEqual(config);
  });
});

describe('parameters out of a file', () => {
  it('may lie beside the constants of the reference and a second copy of the embedding', () => {
    const constants = {
      'audio_encoder.base.htsat.bn0.num_batches_tracked': ints([3], []),
      'caption_encoder.base.embeddings.position_ids': ints([0, 1], [1, 2]),
      'caption_decoder.gpt.transformer.h.0.attn.bias': zeros([1, 1, 4, 4]),
      'caption_decoder.gpt.transformer.h.1.attn.masked_bias': zeros([]),
      'caption_decoder.gpt.lm_head.weight': params.caption_decoder.gpt.transformer.wte.weight,
    };
    expect(pengiParams({ ...tensors, ...constants }, BASE)).toEqual(params);
  });

  it('must fit, or the difference is listed', () => {
    const { 'caption_decoder.gpt.transformer.ln_f.bias': _missing, ...others } = tensors;
    const wrong = {
      ...others,
      'caption_decoder.audio_project.prefix_const': zeros([4, 128]),
      'caption_decoder.more': zeros([2]),
    };
    expect(() => pengiParams(wrong, BASE)).toThrow(
      expect.objectContaining({
        code: 'E_WEIGHTS',
        message: [
          'the weights do not fit this Pengi config with a text encoder: 1 missing, 1 extra, 1 of another shape',
          '  - caption_decoder.gpt.transformer.ln_f.bias [128]',
          '  + caption_decoder.more [2]',
          '  ~ caption_decoder.audio_project.prefix_const: file has [4,128], model wants [8,128]',
        ].join('\n'),
      }),
    );
  });
});

describe('a model folder', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'pengi-'));
  });
  afterAll(() => rm(dir, { recursive: true }));
  const load = async (path: string) => loadPengi(path, { engine: await testEngine() });

  it.each<[string, PengiConfig]>([
    ['base', BASE],
    ['no-text', NO_TEXT_ENCODER],
  ])('gives the model that was saved (%s)', async (name, config) => {
    const path = join(dir, name);
    await saveModelFolder(path, { config, tensors: paramsOf(config) });
    const [saved, made] = [await load(path), await pengiOf(config)];
    expect(saved.config).toEqual(config);
    const options = { maxTokens: 8 };
    expect(await saved.caption(tone(300), options)).toEqual(await made.caption(tone(300), options));
    await Promise.all([saved.dispose(), made.dispose()]);
  });

  it('may have its own mel bank', async () => {
    const path = join(dir, 'mel-bank');
    const melBank = floats(new Float32Array(513 * 64).fill(0.5), [513, 64]);
    await saveModelFolder(path, {
      config: BASE,
      tensors: { ...tensors, 'audio_encoder.base.htsat.logmel_extractor.melW': melBank },
    });
    const pengi = await load(path);
    expect(pengi.frontend.melBank.data.every((weight) => weight === 0.5)).toBe(true);
    await pengi.dispose();
  });

  it.each([
    ['F16', (values: Float32Array) => halfToFloat(floatToHalf(values))],
    ['BF16', (values: Float32Array) => bfloat16ToFloat(floatToBfloat16(values))],
  ] as const)('may hold its weights as %s, which are widened', async (dtype, rounded) => {
    const path = join(dir, dtype);
    await saveModelFolder(path, { config: BASE, tensors: params }, { dtype });
    const expected = await pengiOf(
      BASE,
      mapTree(params, (leaf: NdArray) =>
        leaf.dtype === 'float32' ? floats(rounded(leaf.data as Float32Array), leaf.shape) : leaf,
      ) as typeof params,
    );
    const found = await load(path);
    const clips = [tone(300)];
    const options = { beams: 2, maxTokens: 6 };
    expect(await found.generate(clips, options)).toEqual(await expected.generate(clips, options));
    expect((await found.embedAudio(clips)).data).toEqual((await expected.embedAudio(clips)).data);
    await Promise.all([found.dispose(), expected.dispose()]);
  });

  it('that is missing, of another kind or of another config is an error', async () => {
    await expect(load(join(dir, 'nowhere'))).rejects.toMatchObject({ code: 'E_NOT_FOUND' });

    const clap = join(dir, 'clap');
    await saveModelFolder(clap, { config: SMALL.clap, tensors: initParams(clapSpec(SMALL.clap), 1) });
    await expect(load(clap)).rejects.toMatchObject({
      code: 'E_CONFIG',
      file: clap,
      message: expect.stringContaining('expected "pengi"'),
    });

    const other = join(dir, 'other');
    await saveModelFolder(other, { config: NO_TEXT_ENCODER, tensors: params });
    await expect(load(other)).rejects.toMatchObject({
      code: 'E_WEIGHTS',
      message: expect.stringMatching(/^the weights do not fit this Pengi config without a text encoder: /),
    });
  });

  it('takes recordings from files, and passes on what is wrong with them', async () => {
    const path = join(dir, 'files');
    await saveModelFolder(path, { config: BASE, tensors: params });
    const pengi = await load(path);
    const { samples, sampleRate } = tone(300);
    const file = encodeWav({ channels: [samples], sampleRate });
    await writeFile(join(dir, 'whole.wav'), file);
    await writeFile(join(dir, 'cut.wav'), file.subarray(0, -400));

    const options = { beams: 2, maxTokens: 8 };
    const whole = await pengi.caption(join(dir, 'whole.wav'), options);
    expect(whole).toEqual(await pengi.caption({ samples, sampleRate }, options));

    const cut = join(dir, 'cut.wav');
    await expect(pengi.caption(cut)).rejects.toMatchObject({ code: 'E_AUDIO_TRUNCATED', file: cut });
    const audio = { allowDamaged: true };
    const { warnings } = await pengi.caption(cut, { ...options, audio });
    expect(warnings).toHaveLength(1);
    for (const method of ['textMatching', 'logLikelihood'] as const) {
      const [found] = await pengi.classify([cut], ['a dog', 'a cat'], { method, audio });
      expect(found!.warnings).toEqual(expect.arrayContaining(warnings));
    }
    await expect(pengi.caption(join(dir, 'nowhere.wav'))).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    await pengi.dispose();
  });
});
