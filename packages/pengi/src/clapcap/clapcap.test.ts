import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeWav } from '@pengi/audio-frontend';
import { saveModelFolder } from '@pengi/checkpoint';
import { encodeAudio } from '@pengi/clap';
import { flatten, floats, ints, type NdArray, sizeOf } from '@pengi/core';
import { l2Normalize, type ParamSpec } from '@pengi/nn';
import { mapPrefix } from '@pengi/prefix-mapper';
import type { Tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { row } from '../answers.js';
import {
  BASE,
  CLAPCAP,
  clapcapParamsOf,
  expectNear,
  numbers,
  paramsOf,
  saying,
  testEngine,
  tone,
} from '../testing/models.js';
import { type Clapcap, createClapcap } from './clapcap.js';
import { CLAPCAP_2023, type ClapcapConfig, clapcapConfigSchema } from './config.js';
import { loadClapcap } from './load.js';
import { type ClapcapParams, clapcapParams, clapcapSpec } from './params.js';

const [low, high] = [tone(200), tone(1500)];
const params = clapcapParamsOf(CLAPCAP);
const tensors = flatten<NdArray>(params);
const zeros = (shape: number[]) => floats(new Float32Array(sizeOf(shape)), shape);

let dir: string;
let clapcap: Clapcap;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clapcap-'));
  clapcap = createClapcap(params, CLAPCAP, { engine: await testEngine() });
});
afterAll(async () => {
  await clapcap.dispose();
  await rm(dir, { recursive: true });
});

/** The tower, its embedding divided by its length, and the mapper, without batches: [P, C]. */
async function prefixOf(input: typeof low): Promise<{ embedding: NdArray; prefix: NdArray }> {
  const program = (await testEngine()).compile((p: ClapcapParams, logMel: Tensor) => {
    const embedding = l2Normalize(encodeAudio(p.clap, logMel, CLAPCAP.audio));
    return { embedding, prefix: mapPrefix(p.clap_project, embedding, CLAPCAP.mapper) };
  }, params);
  const logMel = clapcap.frontend.logMelBatch([clapcap.frontend.prepare(input).samples]);
  const { embedding, prefix } = await program.run(logMel);
  await program.dispose();
  return { embedding, prefix: row(prefix, 0) };
}

describe('captions', () => {
  it('go on from the mapped audio embedding, with a capital at the start', async () => {
    const options = { beams: 3, maxTokens: 6 };
    for (const input of [low, high]) {
      const { prefix } = await prefixOf(input);
      const stopToken = clapcap.tokenizer.endOfText;
      const [beams] = await clapcap.gpt2.generate([prefix], { ...options, stopToken });
      const texts = beams!.map(({ ids }) =>
        clapcap.tokenizer.decode(ids).replace('<|endoftext|>', '').trim(),
      );
      const { alternatives, ...best } = await clapcap.caption(input, options);
      expect([best, ...alternatives].map(({ text }) => text)).toEqual(
        texts.map((text) => text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase()),
      );
      expectNear(
        [best, ...alternatives].map(({ score }) => score),
        beams!.map(({ score }) => score),
      );
    }
    expect((await clapcap.caption(low, options)).score).not.toBe(
      (await clapcap.caption(high, options)).score,
    );
  });

  it('have no capital but the first', async () => {
    const cat = clapcap.tokenizer.encode('A Cat')[1]!;
    const gpt = { transformer: saying(cat, params.gpt.transformer) };
    const shouting = createClapcap({ ...params, gpt }, CLAPCAP, { engine: await testEngine() });
    const options = { beams: 20, maxTokens: 3 };
    const stopToken = clapcap.tokenizer.endOfText;
    const [found] = await shouting.gpt2.generate([(await prefixOf(low)).prefix], { ...options, stopToken });
    const { alternatives, ...best } = await shouting.caption(low, options);
    await shouting.dispose();
    const texts = [best, ...alternatives].map(({ text }) => text);
    const raw = found!.map(({ ids }) => clapcap.tokenizer.decode(ids));
    expect(raw.some((text) => /^ *\S+.* Cat/.test(text))).toBe(true);
    expect(texts.some((text) => / cat/.test(text))).toBe(true);
    for (const text of texts) expect(text.slice(1)).toBe(text.slice(1).toLowerCase());
    for (const text of texts) expect(text.charAt(0)).toBe(text.charAt(0).toUpperCase());
  });

  it('of several recordings are those of each alone', async () => {
    const inputs = [low, high, tone(700), tone(90), tone(4000)]; // more than a batch
    const options = { beams: 2, maxTokens: 6 };
    const together = await clapcap.generate(inputs, options);
    for (const [i, input] of inputs.entries()) {
      const alone = await clapcap.caption(input, options);
      expect(together[i]!.text).toBe(alone.text);
      expect(together[i]!.score).toBeCloseTo(alone.score, 4);
    }
  });

  it('are limited by the positions of the language model', async () => {
    // 128 positions, 8 of the prefix; the last token needs none.
    await expect(clapcap.caption(low, { maxTokens: 122 })).rejects.toMatchObject({
      code: 'E_USAGE',
      message: 'maxTokens is 122, but at most 121 tokens fit after the prefix',
    });
    expect((await clapcap.caption(low, { beams: 1, maxTokens: 121 })).text).not.toBe('');
  });
});

it('embeds recordings with length 1', async () => {
  const found = await clapcap.embedAudio([low, high]);
  expect(found.shape).toEqual([2, CLAPCAP.embedding]);
  expectNear(numbers(found).slice(0, CLAPCAP.embedding), numbers((await prefixOf(low)).embedding), 1e-5);
});

describe('compat "reference"', () => {
  it('keeps the blank at which a caption stopped, and takes channels one after the other', async () => {
    const config: ClapcapConfig = { ...CLAPCAP, stopToken: 220 };
    const engine = await testEngine();
    const gpt = { transformer: saying(clapcap.tokenizer.releasedStop, params.gpt.transformer) };
    const released = createClapcap({ ...params, gpt }, config, { engine, compat: 'reference' });
    const ours = createClapcap({ ...params, gpt }, config, { engine });
    const options = { beams: 20, maxTokens: 3 };
    const [texts, trimmed] = [await released.caption(low, options), await ours.caption(low, options)];
    const all = [texts, ...texts.alternatives];
    const stopped = all.filter(({ finished }) => finished);
    expect(stopped.length).toBeGreaterThan(0);
    for (const { text } of stopped) expect(text.endsWith(' ')).toBe(true);
    for (const { text } of [trimmed, ...trimmed.alternatives]) expect(text).toBe(text.trim());

    const n = low.samples.length / 2;
    const channels = [low.samples.slice(0, n), high.samples.slice(0, n)];
    const stereo = join(dir, 'stereo.wav');
    await writeFile(stereo, encodeWav({ channels, sampleRate: low.sampleRate }));
    const inTurn = join(dir, 'in-turn.wav');
    const joined = Float32Array.from(channels.flatMap((channel) => [...channel]));
    await writeFile(inTurn, encodeWav({ channels: [joined], sampleRate: low.sampleRate }));
    expect(await released.embedAudio([stereo])).toEqual(await ours.embedAudio([inTurn]));
    expect(await released.embedAudio([stereo])).not.toEqual(await ours.embedAudio([stereo]));
    await Promise.all([released.dispose(), ours.dispose()]);
  });
});

describe('the config', () => {
  it('is valid as a preset', () => {
    expect(clapcapConfigSchema.parse(JSON.parse(JSON.stringify(CLAPCAP_2023)))).toEqual(CLAPCAP_2023);
  });

  it.each<[string, object, string]>([
    [
      'mels',
      { frontend: { ...CLAPCAP.frontend, mels: 32 } },
      'audio: mels must be those of the frontend, 32',
    ],
    ['embedding', { embedding: 64 }, 'mapper: inputs must be 64'],
    ['width', { gpt2: { ...CLAPCAP.gpt2, width: 64 } }, "mapper: width must be gpt2's, 64"],
    [
      'positions',
      { gpt2: { ...CLAPCAP.gpt2, positions: 8 } },
      'gpt2: a prefix of 8 leaves no position for text',
    ],
    ['stop token', { stopToken: 1234 }, 'stopToken: must be in the vocabulary of gpt2'],
    [
      'kind of mapper',
      { mapper: { ...CLAPCAP.mapper, kind: 'sequence', inputs: undefined } },
      'mapper: a sequence mapper takes no embedding',
    ],
  ])('is refused when parts do not go together: %s', async (_what, fields, message) => {
    const wrong = JSON.parse(JSON.stringify({ ...CLAPCAP, ...fields })) as ClapcapConfig;
    const engine = await testEngine();
    expect(() => createClapcap(params, wrong, { engine })).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining(message) }),
    );
  });
});

describe('the parameters of the released size', () => {
  const spec = flatten<ParamSpec>(clapcapSpec(CLAPCAP_2023));

  it('have the names of the checkpoint', () => {
    const shapes = Object.fromEntries(Object.entries(spec).map(([name, { shape }]) => [name, shape]));
    expect(shapes).toMatchObject({
      'clap.base.htsat.patch_embed.proj.weight': [96, 1, 4, 4],
      'clap.projection.linear1.weight': [1024, 768],
      'clap_project.linear.weight': [40 * 768, 1024],
      'clap_project.prefix_const': [40, 768],
      'clap_project.transformer.layers.7.attn.to_keys_values.weight': [1536, 768],
      'gpt.transformer.h.11.mlp.c_proj.weight': [3072, 768],
    });
    expect(shapes).not.toHaveProperty(['clap_project.transformer.layers.8.norm1.weight']);
  });

  it('have a mapper of eight layers', () => {
    // The released mappers of 4 layers have 50,417,664 parameters, and 18,929,664 without the linear layer.
    const layer = (18_929_664 - 40 * 768) / 4;
    const mapper = Object.entries(spec).filter(([name]) => name.startsWith('clap_project.'));
    expect(mapper.reduce((sum, [, { shape }]) => sum + sizeOf(shape), 0)).toBe(50_417_664 + 4 * layer);
  });
});

describe('parameters out of a file', () => {
  it('may lie beside the constants of the reference and a second copy of the embedding', () => {
    const constants = {
      'clap.base.htsat.bn0.num_batches_tracked': ints([3], []),
      'clap.base.htsat.logmel_extractor.melW': zeros([513, 64]),
      'gpt.transformer.h.0.attn.bias': zeros([1, 1, 4, 4]),
      'gpt.transformer.h.1.attn.masked_bias': zeros([]),
      'gpt.lm_head.weight': params.gpt.transformer.wte.weight,
    };
    expect(clapcapParams({ ...tensors, ...constants }, CLAPCAP)).toEqual(params);
  });

  it('must fit, or the difference is listed', () => {
    const { 'clap_project.linear.bias': _missing, ...others } = tensors;
    expect(() => clapcapParams({ ...others, logit_scale: zeros([]) }, CLAPCAP)).toThrow(
      expect.objectContaining({
        code: 'E_WEIGHTS',
        message: [
          'the weights do not fit this clapcap config: 1 missing, 1 extra',
          '  - clap_project.linear.bias [1024]',
          '  + logit_scale []',
        ].join('\n'),
      }),
    );
  });
});

describe('a model folder', () => {
  it('gives the model that was saved', async () => {
    const path = join(dir, 'model');
    await saveModelFolder(path, { config: CLAPCAP, tensors: params });
    const loaded = await loadClapcap(path, { engine: await testEngine() });
    expect(loaded.config).toEqual(CLAPCAP);
    const options = { beams: 2, maxTokens: 6 };
    expect(await loaded.generate([low, high], options)).toEqual(await clapcap.generate([low, high], options));
    await loaded.dispose();
  });

  it('may have its own mel bank', async () => {
    const path = join(dir, 'mel-bank');
    const melBank = floats(new Float32Array(513 * 64).fill(0.5), [513, 64]);
    await saveModelFolder(path, {
      config: CLAPCAP,
      tensors: { ...tensors, 'clap.base.htsat.logmel_extractor.melW': melBank },
    });
    const engine = await testEngine();
    for (const compat of [{}, { compat: 'reference' as const }]) {
      const loaded = await loadClapcap(path, { engine, ...compat });
      expect(loaded.frontend.melBank.data.every((weight) => weight === 0.5)).toBe(true);
      await loaded.dispose();
    }
  });

  it('of another kind is an error', async () => {
    const path = join(dir, 'pengi');
    await saveModelFolder(path, { config: BASE, tensors: paramsOf(BASE) });
    await expect(loadClapcap(path, { engine: await testEngine() })).rejects.toMatchObject({
      code: 'E_CONFIG',
      file: path,
      message: expect.stringContaining('expected "clapcap"'),
    });
  });
});
