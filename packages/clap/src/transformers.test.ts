import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFrontend } from '@pengi/audio-frontend';
import { saveModelFolder } from '@pengi/checkpoint';
import { flatten, floats, ints, type NdArray } from '@pengi/core';
import { htsat, htsatParams, htsatSpec } from '@pengi/htsat';
import { initParams } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Clap } from './clap.js';
import { loadClap, transformersClapParams } from './load.js';
import { robertaTokenizer } from './roberta-tokenizer.js';
import { idsOf, TINY_TRANSFORMERS, TOKENIZER_JSON, tinyTransformersParams } from './testing/families.js';
import { plainCosine, plainReluProjection, plainRoberta } from './testing/plain.js';
import { expectNear, LABELS, noise, numbers, randomArray, rowsOf, testEngine } from './testing/tiny.js';
import { createTransformersClap } from './transformers.js';
import { encodeTransformersAudio, roberta } from './transformers-model.js';
import type { TransformersClapParams } from './transformers-params.js';

const { text: config, audio } = TINY_TRANSFORMERS;
const params = tinyTransformersParams(3);
const named = flatten<NdArray>(params);
const clips = [noise(1), noise(2)];
const tokenizer = robertaTokenizer(TOKENIZER_JSON, config);
const TEXTS = ['dog', 'a dog', 'rain & dogs'];

let clap: Clap;
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hf-clap-'));
  clap = createTransformersClap(params, TINY_TRANSFORMERS, { engine: await testEngine(), tokenizer });
});
afterAll(async () => {
  await clap.dispose();
  await rm(dir, { recursive: true });
});

const textParams = flatten<NdArray>(params.text_model);
const unpadded = (text: string) =>
  [...tokenizer.encodePrompt(text, 10).ids].filter((id) => id !== config.pad);

async function run<Result>(f: (p: TransformersClapParams, x: Tensor) => Result, x: NdArray) {
  const program = (await testEngine()).compile(f as never, params);
  const result = (await program.run(x)) as { [K in keyof Result]: NdArray };
  await program.dispose();
  return result;
}

describe('RoBERTa', () => {
  it('is a transformer that sees the whole text, pooled at its start', async () => {
    const ids = idsOf('<s>', 'do', 'g', 'Ġa', '</s>');
    const expected = plainRoberta(textParams, ids, config);
    const found = await run((p, x) => roberta(p.text_model, x, config), ints(ids, [1, ids.length]));
    expect(found.hidden.shape).toEqual([1, 5, config.width]);
    expectNear(numbers(found.hidden), expected.hidden.flat());
    expectNear(numbers(found.pooled), expected.pooled);
  });

  it.each<[string, NdArray]>([
    ['int32 [1,19]', ints(new Int32Array(19), [1, 19])],
    ['float32 [1,4]', floats(new Float32Array(4), [1, 4])],
  ])('refuses %s', async (what, ids) => {
    await expect(run((p, x) => roberta(p.text_model, x, config), ids)).rejects.toMatchObject({
      code: 'E_SHAPE',
      message: `the text tower takes int32 ids [B, T] with 1 <= T <= 18, found ${what}`,
    });
  });
});

describe('text embeddings', () => {
  it('are a projection of two layers, and see nothing of the padding', async () => {
    const found = await clap.embedText(TEXTS, { normalize: false });
    expect(found.shape).toEqual([3, TINY_TRANSFORMERS.embedding]);
    expectNear(
      numbers(found),
      TEXTS.flatMap((text) => {
        const { pooled } = plainRoberta(textParams, unpadded(text), config);
        return plainReluProjection(named, 'text_projection', pooled);
      }),
    );
  });
});

describe('audio embeddings', () => {
  it('are HTSAT’s latent, of the same arrays under other names, projected', async () => {
    const logMel = randomArray(5, [2, 21, 16]);
    const own = htsatParams({ ...namedAsHtsat(), ...tokenHead() }, audio);
    const program = (await testEngine()).compile((p, x: Tensor) => htsat(p as never, x, audio).latent, own);
    const latent = (await program.run(logMel)) as NdArray;
    await program.dispose();
    const found = await run((p, x) => ({ y: encodeTransformersAudio(p, x, audio) }), logMel);
    expectNear(
      numbers(found.y),
      rowsOf(latent).flatMap((row) => plainReluProjection(named, 'audio_projection', row)),
    );
  });

  it('are of the clip repeated as a whole, then silence, where the front end says so', async () => {
    const frontend = createFrontend({ ...TINY_TRANSFORMERS.frontend, fit: 'repeat-pad' });
    const short = noise(1).samples.subarray(0, 700);
    const whole = new Float32Array(1600);
    whole.set(short);
    whole.set(short, 700);
    const other = createTransformersClap(params, TINY_TRANSFORMERS, {
      engine: await testEngine(),
      tokenizer,
      frontend,
    });
    const found = await other.embedAudio([{ samples: short, sampleRate: 8000 }]);
    expect(found).toEqual(await clap.embedAudio([{ samples: whole, sampleRate: 8000 }]));
    await other.dispose();
  });
});

describe('a CLAP of Transformers', () => {
  it('scales cosines of audio with texts by logit_scale_a', async () => {
    const [a, t] = [await clap.embedAudio(clips), await clap.embedText(TEXTS)];
    const scale = Math.exp(Number(params.logit_scale_a.data[0]));
    expect(params.logit_scale_a.data[0]).not.toBeCloseTo(Number(params.logit_scale_t.data[0]), 3);
    const expected = rowsOf(a).flatMap((x) => rowsOf(t).map((y) => scale * plainCosine(x, y)));
    expectNear(numbers(clap.similarity(a, t)), expected, 1e-4);
  });

  it('comes back out of a model folder with its tokenizer', async () => {
    const path = join(dir, 'model');
    const content = { config: TINY_TRANSFORMERS, tensors: params, tokenizer: TOKENIZER_JSON };
    await saveModelFolder(path, content);
    const loaded = await loadClap(path, { engine: await testEngine() });
    const labels = LABELS.filter((label) => label === 'dog' || label === 'rain');
    const options = { template: 'a {}' };
    expect(await loaded.zeroShot(clips, labels, options)).toEqual(
      await clap.zeroShot(clips, labels, options),
    );
    await loaded.dispose();
  });

  it('is read from the folder that Transformers saves', async () => {
    const path = join(dir, 'saved');
    const { audio: hears, text: reads, frontend } = TINY_TRANSFORMERS;
    const foreign = {
      model_type: 'clap',
      audio_config: {
        patch_embeds_hidden_size: hears.embedDim,
        depths: hears.depths,
        num_attention_heads: hears.heads,
        window_size: hears.windowSize,
        spec_size: hears.specSize,
        num_mel_bins: hears.mels,
        patch_size: hears.patchSize,
        mlp_ratio: hears.mlpRatio,
        num_classes: hears.classes,
        projection_dim: 6,
      },
      text_config: {
        vocab_size: reads.vocabularySize,
        max_position_embeddings: reads.positions,
        hidden_size: reads.width,
        intermediate_size: reads.hidden,
        num_hidden_layers: reads.layers,
        num_attention_heads: reads.heads,
        layer_norm_eps: reads.epsilon,
        projection_dim: 6,
      },
    };
    const extractor = {
      sampling_rate: 8000,
      max_length_s: 0.2,
      fft_window_size: frontend.fftSize,
      hop_length: frontend.hopLength,
      frequency_max: frontend.fMax,
      padding: 'repeat',
      truncation: 'rand_trunc',
    };
    await saveModelFolder(path, { config: foreign, tensors: params, tokenizer: TOKENIZER_JSON });
    await writeFile(join(path, 'preprocessor_config.json'), JSON.stringify(extractor));
    const loaded = await loadClap(path, { engine: await testEngine() });
    expect(await loaded.embedAudio(clips)).toEqual(await clap.embedAudio(clips));
    // Its prompts are longer, with padding that nothing sees.
    expectNear(numbers(await loaded.embedText(TEXTS)), numbers(await clap.embedText(TEXTS)), 1e-6);
    await loaded.dispose();
  });

  it('without tokenizer.json, or with a broken one, is refused', async () => {
    const path = join(dir, 'mute');
    await saveModelFolder(path, { config: TINY_TRANSFORMERS, tensors: params });
    const file = join(path, 'tokenizer.json');
    await expect(loadClap(path)).rejects.toMatchObject({ code: 'E_NOT_FOUND', file });
    await writeFile(file, '{');
    await expect(loadClap(path)).rejects.toMatchObject({ code: 'E_CHECKPOINT', file });
    await writeFile(file, '{}');
    await expect(loadClap(path)).rejects.toMatchObject({ code: 'E_CONFIG', file });
  });

  it('is read beside the constants of the reference, and strictly', () => {
    const constants = {
      'text_model.embeddings.position_ids': ints(new Int32Array(20), [1, 20]),
      'text_model.embeddings.token_type_ids': ints(new Int32Array(20), [1, 20]),
      'audio_model.audio_encoder.batch_norm.num_batches_tracked': ints([0], []),
      'audio_model.audio_encoder.layers.0.blocks.0.attention.self.relative_position_index': ints([0], [1, 1]),
    };
    expect(transformersClapParams({ ...named, ...constants }, TINY_TRANSFORMERS)).toEqual(params);
    const { 'text_model.pooler.dense.bias': _missing, ...others } = named;
    expect(() => transformersClapParams(others, TINY_TRANSFORMERS)).toThrow(
      expect.objectContaining({
        code: 'E_WEIGHTS',
        message: expect.stringContaining('- text_model.pooler.dense.bias [8]'),
      }),
    );
  });
});

/** The audio tower's arrays under HTSAT's own names: a list of what is called how. */
function namedAsHtsat(): Record<string, NdArray> {
  const tower = flatten<NdArray>(params.audio_model.audio_encoder);
  const renamed: Record<string, NdArray> = {};
  for (const [name, array] of Object.entries(tower)) {
    const part = /^(.*)\.attention\.self\.query\.(weight|bias)$/.exec(name);
    if (part) {
      const [, block, kind] = part;
      const rows = ['query', 'key', 'value'].map((of) => tower[`${block}.attention.self.${of}.${kind}`]!);
      const [C = 0, ...rest] = array.shape;
      renamed[`${block}.attn.qkv.${kind}`] = floats(rows.flatMap(numbers), [3 * C, ...rest]);
    } else if (!/\.self\.(key|value)\./.test(name))
      renamed[
        name
          .replace('batch_norm.', 'bn0.')
          .replace('layernorm_before', 'norm1')
          .replace('layernorm_after', 'norm2')
          .replace('attention.self.relative', 'attn.relative')
          .replace('attention.output.dense', 'attn.proj')
          .replace('intermediate.dense', 'mlp.fc1')
          .replace('output.dense', 'mlp.fc2')
      ] = array;
  }
  return renamed;
}

/** What HTSAT has beyond, which its latent does not depend on. */
function tokenHead(): Record<string, NdArray> {
  const all = flatten<NdArray>(initParams(htsatSpec(audio), 9));
  return Object.fromEntries(Object.entries(all).filter(([name]) => /^(tscam_conv|head)\./.test(name)));
}
