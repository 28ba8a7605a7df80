import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveModelFolder } from '@pengi/checkpoint';
import { flatten, floats, ints, type NdArray } from '@pengi/core';
import { createGpt2Tokenizer, createSubsetTokenizer, gpt2Embed, gpt2Hidden } from '@pengi/gpt2';
import type { Tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Clap } from './clap.js';
import { loadClap, msclapParams } from './load.js';
import { createMsclap, msclapTokenizer } from './msclap.js';
import type { MsclapParams } from './params.js';
import { TEXTS, TINY_MSCLAP, tinyMsclapParams } from './testing/families.js';
import { plainCosine, plainProjection } from './testing/plain.js';
import { expectNear, LABELS, noise, numbers, rowsOf, testEngine, tinyParams } from './testing/tiny.js';

const { gpt2, promptLength } = TINY_MSCLAP.text;
const params = tinyMsclapParams(2);
const tokenizer = createSubsetTokenizer(createGpt2Tokenizer({ padQuirk: true }), gpt2.keptIds!);
const clips = [noise(1), noise(2)];

let clap: Clap;
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'msclap-'));
  clap = createMsclap(params, TINY_MSCLAP, { engine: await testEngine() });
});
afterAll(async () => {
  await clap.dispose();
  await rm(dir, { recursive: true });
});

/** The hidden states of texts, with their end marker and without padding, one by one. */
async function hiddenOf(texts: readonly string[]) {
  const program = (await testEngine()).compile(
    (p: MsclapParams, ids: Tensor) =>
      gpt2Hidden(p.caption_encoder.base, gpt2Embed(p.caption_encoder.base, ids), gpt2).hidden,
    params,
  );
  const rows: number[][][] = [];
  for (const text of texts) {
    const ids = tokenizer.encode(`${text} <|endoftext|>`);
    const { data } = await program.run(ints(ids, [1, ids.length]));
    rows.push(rowsOf(floats(data as Float32Array, [ids.length, gpt2.width])));
  }
  await program.dispose();
  return rows;
}

describe('prompts of msclap', () => {
  const encode = (text: string, length: number) =>
    msclapTokenizer({ keptIds: null, splitDigits: false }).encodePrompt(text, length);

  it('end in a blank and the end marker and are padded with 0', () => {
    expect([...encode('rain', 6).ids]).toEqual([3201, 220, 50256, 0, 0, 0]);
  });

  it('have id 0 for each "!"', () => {
    expect([...encode('rain!!', 6).ids]).toEqual([3201, 0, 0, 220, 50256, 0]);
  });

  it('are cut before an end marker, and say so', () => {
    const { ids, truncated } = encode('rain rain rain rain', 4);
    expect([[...ids], truncated]).toEqual([[3201, 6290, 6290, 50256], true]);
    expect(encode('rain rain', 4)).toMatchObject({ truncated: false });
  });
});

describe('text embeddings of msclap', () => {
  it('are those of the hidden state at count(ids other than 0) - 1, which a "!" moves', async () => {
    const named = flatten<NdArray>(params);
    const hidden = await hiddenOf(TEXTS);
    const positions = TEXTS.map(
      (text) => tokenizer.encode(`${text} <|endoftext|>`).filter((id) => id !== 0).length - 1,
    );
    // Without the rule, the last position would be read.
    expect(positions.map((position, i) => hidden[i]!.length - 1 - position)).toEqual([0, 0, 0, 0, 0, 1, 2]);
    expectNear(
      numbers(await clap.embedText(TEXTS, { normalize: false })),
      positions.flatMap((position, i) =>
        plainProjection(named, 'caption_encoder.projection', hidden[i]![position]!),
      ),
    );
  });

  it('do not depend on the other texts', async () => {
    const all = rowsOf(await clap.embedText(TEXTS));
    for (const i of [0, 5]) expectNear(numbers(await clap.embedText([TEXTS[i]!])), all[i]!, 1e-6);
  });

  it('come with a warning where the text is cut', async () => {
    const warnings: string[] = [];
    const long = Array(promptLength).fill('a dog').join(' ');
    await clap.embedText([long], { warn: (message) => warnings.push(message) });
    expect(warnings).toEqual([expect.stringMatching(/is cut to 12 tokens$/)]);
  });

  it('are refused for empty texts and words that a small vocabulary lacks', async () => {
    await expect(clap.embedText([''])).rejects.toMatchObject({ code: 'E_TEXT' });
    await expect(clap.embedText(['violin'])).rejects.toMatchObject({ code: 'E_TEXT' });
  });
});

describe('a CLAP of msclap', () => {
  it('embeds audio as the paper’s family does', async () => {
    const { createClap } = await import('./clap.js');
    const { TINY } = await import('./testing/tiny.js');
    const paper = createClap({ ...tinyParams(1), audio_encoder: params.audio_encoder }, TINY, {
      engine: await testEngine(),
    });
    expect(await clap.embedAudio(clips)).toEqual(await paper.embedAudio(clips));
    await paper.dispose();
  });

  it('scales cosines by its own scale', async () => {
    const [audio, text] = [await clap.embedAudio(clips), await clap.embedText(TEXTS)];
    const scale = Math.exp(Number(params.logit_scale.data[0]));
    const expected = rowsOf(audio).flatMap((a) => rowsOf(text).map((t) => scale * plainCosine(a, t)));
    expectNear(numbers(clap.similarity(audio, text)), expected, 1e-4);
  });

  it('comes back out of a model folder', async () => {
    const path = join(dir, 'model');
    await saveModelFolder(path, { config: TINY_MSCLAP, tensors: params });
    const loaded = await loadClap(path, { engine: await testEngine() });
    expect(loaded.config).toEqual(TINY_MSCLAP);
    expect(await loaded.zeroShot(clips, LABELS)).toEqual(await clap.zeroShot(clips, LABELS));
    await loaded.dispose();
  });

  it('is read beside the buffers of old checkpoints, and strictly', () => {
    const tensors = flatten<NdArray>(params);
    const buffers = {
      'caption_encoder.base.h.0.attn.bias': floats(new Float32Array(4), [1, 1, 2, 2]),
      'caption_encoder.base.h.0.attn.masked_bias': floats([-1e4], []),
    };
    expect(msclapParams({ ...tensors, ...buffers }, TINY_MSCLAP)).toEqual(params);
    const { 'caption_encoder.base.wpe.weight': _missing, ...others } = tensors;
    const wrong = { ...others, 'caption_encoder.clip_text_projection.weight': floats([1], [1, 1]) };
    expect(() => msclapParams(wrong, TINY_MSCLAP)).toThrow(
      expect.objectContaining({ code: 'E_WEIGHTS', message: expect.stringContaining('1 missing, 1 extra') }),
    );
  });
});
