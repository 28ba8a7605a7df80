import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RELEASED_FRONTEND, YAML_FRONTEND } from '@pengi/audio-frontend';
import { bfloat16ToFloat, openSafetensors, writeSafetensors } from '@pengi/checkpoint';
import {
  type Clap,
  clipTextModelSpec,
  createMsclap,
  createTransformersClap,
  HTSAT_PREFIX,
  loadClap,
  loadClipText,
  robertaTokenizer,
} from '@pengi/clap';
import { floats, type NdArray } from '@pengi/core';
import { createGpt2, gpt2Spec, loadGpt2 } from '@pengi/gpt2';
import { initParams } from '@pengi/nn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  TINY_MSCLAP,
  TINY_TRANSFORMERS,
  TOKENIZER_JSON,
  tinyMsclapParams,
  tinyTransformersParams,
} from '../../../clap/src/testing/families.js';
import { noise, TINY_TEXT } from '../../../clap/src/testing/tiny.js';
import { createClapcap } from '../clapcap/clapcap.js';
import { loadClapcap } from '../clapcap/load.js';
import { CLAPCAP_HTSAT_PREFIX } from '../clapcap/params.js';
import type { PengiConfig } from '../config.js';
import { loadPengi } from '../load.js';
import { arraysOf, entryOf, frontendArrays, writeCheckpoint } from '../testing/checkpoints.js';
import {
  BASE,
  CLAPCAP,
  clapcapParamsOf,
  NO_TEXT_ENCODER,
  numbers,
  paramsOf,
  pengiOf,
  testEngine,
  tone,
} from '../testing/models.js';
import { convertCheckpoint } from './index.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-convert-'));
});
afterAll(() => rm(dir, { recursive: true }));
let made = 0;
/** A new path. */
const at = (name: string) => join(dir, `${++made}-${name}`);

const BASE_ARRAYS = { ...arraysOf(paramsOf(BASE)), ...frontendArrays(HTSAT_PREFIX, BASE.frontend) };
const WTE = 'caption_decoder.gpt.transformer.wte.weight';
const LM_HEAD = 'caption_decoder.gpt.lm_head.weight';

/** The constants and buffers of the released files. */
const BUFFERS = {
  [`${HTSAT_PREFIX}bn0.num_batches_tracked`]: {
    dtype: 'I64',
    shape: [],
    bytes: () => new Uint8Array(BigInt64Array.of(5n).buffer),
  },
  [`${HTSAT_PREFIX}layers.0.blocks.0.attn.relative_position_index`]: {
    dtype: 'I64',
    shape: [1],
    bytes: () => new Uint8Array(8),
  },
  'caption_decoder.gpt.transformer.h.0.attn.bias': {
    dtype: 'U8',
    shape: [1, 1, 2, 2],
    bytes: () => new Uint8Array(4),
  },
  'caption_decoder.gpt.transformer.h.0.attn.masked_bias': entryOf(floats([-1e4], [])),
} as const;

describe('Pengi', () => {
  it.each<[string, PengiConfig, 'pengi-base' | 'pengi-base-no-text-enc']>([
    ['base', BASE, 'pengi-base'],
    ['base_no_text_enc', NO_TEXT_ENCODER, 'pengi-base-no-text-enc'],
  ])(
    '%s says the same as before, from a training checkpoint of several GPUs',
    async (_what, config, family) => {
      const arrays = { ...arraysOf(paramsOf(config)), ...frontendArrays(HTSAT_PREFIX, config.frontend) };
      const file = at('released.pth');
      const more = {
        ...prefixed('module.', BUFFERS),
        [`module.${LM_HEAD}`]: { sameAs: `model.module.${WTE}` },
      };
      await writeCheckpoint(file, prefixed('module.', arrays), { more });
      const out = at('model');
      const result = await convertCheckpoint(file, out, { config, checksum: true });
      expect(result).toMatchObject({
        family,
        source: { root: ['model'], stripped: 'module.', sha256: sha256(await readFile(file)) },
        tied: [LM_HEAD, WTE],
        melBank: { computed: { fMin: 50, fMax: 8000, melSampleRate: 16000 } },
        config,
      });
      expect(result.leftOut).toEqual(
        [
          `${HTSAT_PREFIX}spectrogram_extractor.stft.conv_real.weight`,
          `${HTSAT_PREFIX}spectrogram_extractor.stft.conv_imag.weight`,
          ...Object.keys(BUFFERS),
        ].map((name) => `module.${name}`),
      );
      const [loaded, direct] = [await loadPengi(out, { engine: await testEngine() }), await pengiOf(config)];
      const options = { maxTokens: 8, strategy: 'greedy' } as const;
      expect(await loaded.caption(tone(300), options)).toEqual(await direct.caption(tone(300), options));
      await Promise.all([loaded.dispose(), direct.dispose()]);

      const { tensors } = await openSafetensors(join(out, 'model.safetensors'));
      expect([...tensors.keys()].sort()).toEqual(
        [...Object.keys(arraysOf(paramsOf(config))), `${HTSAT_PREFIX}logmel_extractor.melW`].sort(),
      );
      const card = await readFile(join(out, 'README.md'), 'utf8');
      expect(card).toContain(sha256(await readFile(file)));
      expect(card).toContain('computed 50-8000 Hz @16000');
    },
  );

  it('keeps a name that begins with module. when not all do, and lists what does not fit', async () => {
    const file = at('odd.pth');
    const { 'caption_decoder.gpt.transformer.ln_f.bias': _left, ...arrays } = BASE_ARRAYS;
    await writeCheckpoint(file, { ...arrays, 'module.extra': floats([1]) });
    await expect(convertCheckpoint(file, at('out'), { config: BASE })).rejects.toMatchObject({
      code: 'E_WEIGHTS',
      file,
      message: [
        'the weights do not fit this Pengi config with a text encoder: 1 missing, 1 extra',
        '  - caption_decoder.gpt.transformer.ln_f.bias [128]',
        '  + module.extra [1]',
      ].join('\n'),
    });
  });

  it('refuses an output layer that is not the embedding', async () => {
    const file = at('untied.pth');
    const wte = BASE_ARRAYS[WTE]!;
    const other = floats(
      Float32Array.from(wte.data, (x) => x + 1),
      wte.shape,
    );
    await writeCheckpoint(file, { ...BASE_ARRAYS, [LM_HEAD]: other });
    await expect(convertCheckpoint(file, at('out'), { config: BASE })).rejects.toMatchObject({
      code: 'E_WEIGHTS',
      message: `${LM_HEAD} is not ${WTE}: their values differ`,
    });
    const copy = at('copied.pth'); // the same values, stored twice
    await writeCheckpoint(copy, { ...BASE_ARRAYS, [LM_HEAD]: wte });
    const out = at('out');
    expect(await convertCheckpoint(copy, out, { config: BASE })).toMatchObject({ tied: [LM_HEAD, WTE] });
    expect((await openSafetensors(join(out, 'model.safetensors'))).tensors.has(LM_HEAD)).toBe(false);
  });

  it('rounds to half precision when asked', async () => {
    const file = at('base.pth');
    await writeCheckpoint(file, BASE_ARRAYS, { bare: true });
    for (const dtype of ['F16', 'BF16'] as const) {
      const out = at(dtype);
      const { weights } = await convertCheckpoint(file, out, { config: BASE, dtype });
      const { tensors } = await openSafetensors(join(out, 'model.safetensors'));
      expect(new Set([...tensors.values()].map((info) => info.dtype))).toEqual(new Set([dtype]));
      expect(weights).toMatchObject({
        dtype,
        sha256: sha256(await readFile(join(out, 'model.safetensors'))),
      });
    }
    const out = at('from-half');
    const half = at('half.pth');
    await writeCheckpoint(half, BASE_ARRAYS, { dtype: 'BF16' });
    const { melBank } = await convertCheckpoint(half, out, { config: BASE });
    expect(melBank).toMatchObject({ computed: { fMax: 8000 } }); // but for bfloat16's rounding
    const wte = (await openSafetensors(join(out, 'model.safetensors'))).array(WTE);
    expect(wte.dtype).toBe('float32');
    const first = Number(BASE_ARRAYS[WTE]!.data[0]);
    const bits = (new Uint32Array(Float32Array.of(first).buffer)[0]! + 0x8000) >>> 16; // no tie here
    expect(wte.data[0]).toBe(bfloat16ToFloat(Uint16Array.of(bits))[0]);
  });
});

describe('the mel bank', () => {
  const convert = async (frontend: typeof BASE.frontend, change: Record<string, NdArray> = {}) => {
    const file = at('bank.pth');
    await writeCheckpoint(file, { ...BASE_ARRAYS, ...frontendArrays(HTSAT_PREFIX, frontend), ...change });
    return convertCheckpoint(file, at('bank'), { config: BASE });
  };

  it.each([
    ['the released code', RELEASED_FRONTEND, 'computed 50-14000 Hz @32000'],
    ['the released YAML', YAML_FRONTEND, 'computed 50-8000 Hz @44100'],
  ])('of %s is told from the values, and its settings are the config’s', async (_what, frontend, text) => {
    const { melBank, config } = await convert(frontend);
    expect(melBank?.text).toBe(text);
    const { fMin, fMax, melSampleRate } = frontend;
    expect(config).toMatchObject({ frontend: { fMin, fMax, melSampleRate, sampleRate: 16000 } });
  });

  it('that is none of these stays the file’s own', async () => {
    const own = floats(new Float32Array(513 * 64).fill(0.5), [513, 64]);
    const { melBank, folder } = await convert(BASE.frontend, {
      [`${HTSAT_PREFIX}logmel_extractor.melW`]: own,
    });
    expect(melBank).toMatchObject({
      computed: null,
      text: expect.stringMatching(/^its own: max \|d\| 0\.50 /),
    });
    const pengi = await loadPengi(folder, { engine: await testEngine() });
    expect(pengi.frontend.melBank.data.every((weight) => weight === 0.5)).toBe(true);
    await pengi.dispose();
  });

  it('goes with the STFT that is computed here, or the file is refused', async () => {
    const name = `${HTSAT_PREFIX}spectrogram_extractor.stft.conv_imag.weight`;
    const { shape, data } = frontendArrays(HTSAT_PREFIX, BASE.frontend)[name]!;
    const flipped = floats(
      Float32Array.from(data, (x) => -x),
      shape,
    );
    await expect(convert(BASE.frontend, { [name]: flipped })).rejects.toMatchObject({
      code: 'E_WEIGHTS',
      message: expect.stringMatching(/conv_imag\.weight differs by [12]\.\d* from the DFT/),
    });
  });
});

describe('CLAPs and parts', () => {
  it('msclap embeds as before', async () => {
    const params = tinyMsclapParams(1);
    const file = at('CLAP_weights_2023.pth');
    const arrays = { ...arraysOf(params), ...frontendArrays(HTSAT_PREFIX, TINY_MSCLAP.frontend) };
    await writeCheckpoint(file, arrays);
    const { family, folder } = await convertCheckpoint(file, at('msclap'), { config: TINY_MSCLAP });
    expect(family).toBe('msclap-2023');
    const engine = await testEngine();
    await expectSameClap(await loadClap(folder, { engine }), createMsclap(params, TINY_MSCLAP, { engine }));
  });

  it('clapcap says the same as before', async () => {
    const params = clapcapParamsOf(CLAPCAP);
    const file = at('clapcap_weights_2023.pth');
    await writeCheckpoint(file, {
      ...arraysOf(params),
      ...frontendArrays(CLAPCAP_HTSAT_PREFIX, CLAPCAP.frontend),
    });
    const { family, folder, melBank } = await convertCheckpoint(file, at('clapcap'), { config: CLAPCAP });
    expect({ family, bank: melBank?.text }).toEqual({
      family: 'clapcap-2023',
      bank: 'computed 50-8000 Hz @16000',
    });
    const engine = await testEngine();
    const [loaded, direct] = [
      await loadClapcap(folder, { engine }),
      createClapcap(params, CLAPCAP, { engine }),
    ];
    expect(await loaded.caption(tone(300))).toEqual(await direct.caption(tone(300)));
    await Promise.all([loaded.dispose(), direct.dispose()]);
  });

  it.each(['pytorch_model.bin', 'model.safetensors'])(
    'Transformers’ ClapModel embeds as before, out of a folder with %s',
    async (name) => {
      const params = tinyTransformersParams(1);
      const folder = at('laion');
      await mkdir(folder);
      if (name.endsWith('.bin')) await writeCheckpoint(join(folder, name), arraysOf(params), { bare: true });
      else await writeSafetensors(join(folder, name), arraysOf(params));
      const file = join(folder, name);
      const config = TINY_TRANSFORMERS;
      await expect(convertCheckpoint(file, at('out'), { config })).rejects.toMatchObject({
        code: 'E_NOT_FOUND',
        hint: expect.stringContaining('--tokenizer'),
      });
      await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(TOKENIZER_JSON));
      const { family, folder: out } = await convertCheckpoint(folder, at('clap'), { config });
      expect(family).toBe('transformers-clap');
      const engine = await testEngine();
      const tokenizer = robertaTokenizer(TOKENIZER_JSON, config.text);
      await expectSameClap(
        await loadClap(out, { engine }),
        createTransformersClap(params, config, { engine, tokenizer }),
      );
    },
  );

  const gpt2 = { ...CLAPCAP.gpt2, keptIds: null, vocabularySize: 300, width: 64, heads: 1, layers: 1 };

  it.each([
    ['with its prefix and output layer', 'transformer.', true],
    ['as the hub has it', '', false],
  ])('GPT-2 %s continues as before', async (_what, prefix, hasHead) => {
    const params = initParams(gpt2Spec(gpt2), 1);
    const arrays = prefixed(prefix, arraysOf(params));
    const file = at('pytorch_model.bin');
    const more = hasHead ? { 'lm_head.weight': { sameAs: 'transformer.wte.weight' } } : {};
    await writeCheckpoint(file, arrays, { bare: true, more });
    const { family, folder, config } = await convertCheckpoint(file, at('gpt2'));
    expect({ family, config }).toEqual({
      family: 'gpt2',
      config: { ...gpt2, dropout: 0.1, splitDigits: false },
    });
    const engine = await testEngine();
    const [loaded, direct] = [await loadGpt2(folder, { engine }), createGpt2(params, gpt2, engine)];
    const prompt = await direct.embed([10, 20, 30]);
    expect(await loaded.embed([10, 20, 30])).toEqual(prompt);
    expect(await loaded.score(prompt, [[5, 6]])).toEqual(await direct.score(prompt, [[5, 6]]));
    await Promise.all([loaded.dispose(), direct.dispose()]);
  });

  it('CLIP’s text tower comes out of a whole CLIP, and alone', async () => {
    const config = { model: 'clip-text' as const, text: TINY_TEXT, projected: true };
    const text = arraysOf(initParams(clipTextModelSpec(config), 1));
    const vision = { 'vision_model.x.weight': floats([1]), 'visual_projection.weight': floats([1]) };
    const whole = at('whole.bin');
    const scale = { logit_scale: floats([1], []) };
    await writeCheckpoint(whole, { ...text, ...vision, ...scale }, { bare: true });
    const result = await convertCheckpoint(whole, at('clip'), { config });
    expect([...result.leftOut].sort()).toEqual([...Object.keys(vision), 'logit_scale'].sort());
    const alone = at('alone.bin');
    const { 'text_projection.weight': projection, ...tower } = text;
    await writeCheckpoint(alone, tower, { bare: true });
    const { folder } = await convertCheckpoint(alone, at('clip'), { config: { text: TINY_TEXT } });
    const engine = await testEngine();
    const [full, bare] = [
      await loadClipText(result.folder, { engine }),
      await loadClipText(folder, { engine }),
    ];
    const [projected, pooled] = [await full.embed(['a dog']), await bare.embed(['a dog'])];
    expect([projected.shape, pooled.shape]).toEqual([
      [1, 6],
      [1, 8],
    ]);
    // Of the two, one is the other's projection [6, 8].
    const expected = Array.from({ length: 6 }, (_, i) =>
      numbers(pooled).reduce((sum, x, j) => sum + x * Number(projection!.data[8 * i + j]), 0),
    );
    for (const [i, value] of numbers(projected).entries()) expect(value).toBeCloseTo(expected[i]!, 5);
    await Promise.all([full.dispose(), bare.dispose()]);
  });
});

function prefixed<T>(prefix: string, entries: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).map(([name, entry]) => [prefix + name, entry]));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The same embeddings of a recording and of texts. */
async function expectSameClap(loaded: Clap, direct: Clap): Promise<void> {
  expect(await loaded.embedAudio([noise(1)])).toEqual(await direct.embedAudio([noise(1)]));
  expect(await loaded.embedText(['this is a sound of rain'])).toEqual(
    await direct.embedText(['this is a sound of rain']),
  );
  await Promise.all([loaded.dispose(), direct.dispose()]);
}
