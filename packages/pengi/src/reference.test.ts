import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFrontend, encodeWav } from '@pengi/audio-frontend';
import { saveModelFolder } from '@pengi/checkpoint';
import { createRng, floats, type NdArray } from '@pengi/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PengiConfig } from './config.js';
import { loadPengi } from './load.js';
import type { Pengi } from './pengi.js';
import { createReferencePengi, type ReferencePengi } from './reference.js';
import { wordVectors } from './testing/by-hand.js';
import {
  BASE,
  expectNear,
  NO_TEXT_ENCODER,
  numbers,
  type Params,
  paramsOf,
  pengiOf,
  saying,
  testEngine,
  tone,
  WITH_LETTERS,
  withPositions,
} from './testing/models.js';
import { pengiTokenizer } from './tokenizer.js';

const [low, high] = [tone(200), tone(1500)];
const CAPTION = 'generate audio caption';
const RATE = BASE.frontend.sampleRate;
const CLIP = low.samples.length;

async function referenceOf(config: PengiConfig, params = paramsOf(config), seed = 0) {
  return createReferencePengi(params, config, { engine: await testEngine(), seed });
}

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reference-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function wav(name: string, channels: Float32Array[], sampleRate = RATE): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, encodeWav({ channels, sampleRate }));
  return path;
}

const embeddingOf = async (reference: ReferencePengi, input: string | typeof low, resample?: boolean) =>
  numbers((await reference.audioEmbeddings([input], resample === undefined ? {} : { resample })).embeddings);

describe('recordings', () => {
  let reference: ReferencePengi;
  beforeAll(async () => {
    reference = await referenceOf(BASE);
  });
  afterAll(() => reference.dispose());

  it('of two channels are heard as one channel after the other', async () => {
    const [left, right] = [low.samples.slice(0, CLIP / 2), high.samples.slice(0, CLIP / 2)];
    const stereo = await wav('stereo.wav', [left, right]);
    const inTurn = await wav('in-turn.wav', [Float32Array.from([...left, ...right])]);
    const found = await embeddingOf(reference, stereo);
    expect(found).toEqual(await embeddingOf(reference, inTurn));
    const mixed = numbers(await reference.pengi.embedAudio([await wav('left.wav', [left])]));
    expect(Math.max(...mixed.map((x, i) => Math.abs(x - found[i]!)))).toBeGreaterThan(1e-3);
  });

  it('that are longer than the model hears give a random window, another at each call', async () => {
    const { normal } = createRng(3);
    const long = {
      samples: Float32Array.from({ length: CLIP + 900 }, () => 0.3 * normal()),
      sampleRate: RATE,
    };
    const windows = await referenceOf(BASE, paramsOf(BASE), 5);
    const [first, second] = [await embeddingOf(windows, long), await embeddingOf(windows, long)];
    await windows.dispose();
    expect(first).not.toEqual(second);

    const rng = createRng(5);
    for (const found of [first, second]) {
      const start = rng.int(900); // never the last possible window, as Python's randrange(n - length)
      const window = { samples: long.samples.slice(start, start + CLIP), sampleRate: RATE };
      expectNear(found, await embeddingOf(reference, window), 1e-6);
    }
  });

  it('are taken at the rate of the model where they are not to be resampled', async () => {
    const half = await wav('half-rate.wav', [low.samples], RATE / 2);
    const whole = await wav('whole-rate.wav', [low.samples]);
    expect(await embeddingOf(reference, half, false)).toEqual(await embeddingOf(reference, whole));
    expect(await embeddingOf(reference, half)).not.toEqual(await embeddingOf(reference, whole));
    const inMemory = { samples: low.samples, sampleRate: RATE / 2 };
    expect(await embeddingOf(reference, inMemory, false)).toEqual(await embeddingOf(reference, low));
  });

  it('have embeddings of length 1, and the audio half of the prefix', async () => {
    const { embeddings, prefixes } = await reference.audioEmbeddings([low, high]);
    expect([embeddings.shape, prefixes.shape]).toEqual([
      [2, 128],
      [2, 8, 128],
    ]);
    expect(Math.hypot(...numbers(embeddings).slice(128))).toBeCloseTo(1, 5);
    const whole = await reference.pengi.prefixes(embeddings, [CAPTION, CAPTION]);
    const halves = whole.prefixes.flatMap((prefix) => numbers(prefix).slice(0, 8 * 128));
    expectNear(numbers(prefixes), halves);
  });
});

describe('prompts', () => {
  it('have embeddings that are not normalised, of which the prefix is made as they are', async () => {
    const trained: PengiConfig = { ...BASE, textNorm: 'training' };
    const reference = await referenceOf(trained);
    const asTrained = await pengiOf(trained);
    const { embeddings, prefixes } = await reference.promptEmbeddings([CAPTION, 'generate metadata']);
    expect([embeddings.shape, prefixes.shape]).toEqual([
      [2, 128],
      [2, 8, 128],
    ]);
    // What comes out of a layer norm of 128 channels has a length near the root of 128.
    const length = Math.hypot(...numbers(embeddings).slice(0, 128));
    expect(length).toBeGreaterThan(10);
    const unit = numbers(await asTrained.embedText([CAPTION]));
    expectNear(
      numbers(embeddings).slice(0, 128),
      unit.map((x) => length * x),
    );

    const { embeddings: audio } = await reference.audioEmbeddings([low]);
    const [whole] = (await reference.pengi.prefixes(audio, [CAPTION])).prefixes;
    expectNear(numbers(prefixes).slice(0, 8 * 128), numbers(whole!).slice(8 * 128));
    const [other] = (await asTrained.prefixes(audio, [CAPTION])).prefixes;
    const gaps = numbers(other!)
      .slice(8 * 128)
      .map((x, i) => Math.abs(x - numbers(prefixes)[i]!));
    expect(Math.max(...gaps)).toBeGreaterThan(0.01);
    await Promise.all([reference.dispose(), asTrained.dispose()]);
  });

  it('are the embeddings of their tokens where there is no text tower', async () => {
    const params = paramsOf(NO_TEXT_ENCODER);
    const reference = await referenceOf(NO_TEXT_ENCODER, params);
    const { embeddings, prefixes } = await reference.promptEmbeddings([CAPTION]);
    const { ids } = reference.pengi.tokenizer.encodePrompt(CAPTION);
    expect(numbers(embeddings)).toEqual(wordVectors(params, [...ids]));
    expect([embeddings.shape, prefixes.shape]).toEqual([
      [1, 40, 128],
      [1, 8, 128],
    ]);
    await reference.dispose();
  });
});

describe('texts', () => {
  const given = paramsOf(WITH_LETTERS);
  const { releasedStop } = pengiTokenizer(WITH_LETTERS.gpt2);
  const transformer = saying(releasedStop, given.caption_decoder.gpt.transformer);
  const params: Params = { ...given, caption_decoder: { ...given.caption_decoder, gpt: { transformer } } };
  let reference: ReferencePengi;
  let pengi: Pengi;
  beforeAll(async () => {
    const wrapper: PengiConfig = { ...WITH_LETTERS, textNorm: 'wrapper' };
    [reference, pengi] = [await referenceOf(WITH_LETTERS, params), await pengiOf(wrapper, params)];
  });
  afterAll(async () => {
    await Promise.all([reference.dispose(), pengi.dispose()]);
  });

  const options = { beams: 3, maxTokens: 6 };
  const prefixOf = async (input: typeof low, prompt = CAPTION) =>
    (await pengi.prefixes(await pengi.embedAudio([input]), [prompt])).prefixes[0]!;

  /** Beams after a prefix, decoded as the release does. */
  async function beamsAfter(prefix: NdArray, stopToken = releasedStop) {
    const [found] = await pengi.gpt2.generate([prefix], { ...options, stopToken });
    return found!.map(({ ids, score }) => ({ text: pengi.tokenizer.decode(ids, { cleanUp: true }), score }));
  }

  function expectBeams(
    found: { texts: string[]; scores: Float32Array },
    expected: readonly { text: string; score: number }[],
  ): void {
    expect(found.texts).toEqual(expected.map(({ text }) => text));
    expectNear(
      [...found.scores],
      expected.map(({ score }) => score),
    );
  }

  it('are the beams of each recording, the best first, with their scores', async () => {
    const found = await reference.generate([low, high], [CAPTION, 'generate metadata'], ['', ''], options);
    expect(found).toHaveLength(2);
    expectBeams(found[0]!, await beamsAfter(await prefixOf(low)));
    expectBeams(found[1]!, await beamsAfter(await prefixOf(high, 'generate metadata')));
    expect(found[0]!.texts).toHaveLength(3);
  });

  it('end at the lone blank and keep it', async () => {
    expect(pengi.tokenizer.encode(' <|endoftext|>')[0]).toBe(releasedStop);
    const [found] = await reference.generate([low], [CAPTION], [''], { beams: 20, maxTokens: 3 });
    const ended = found!.texts.filter((text) => text.endsWith(' '));
    expect(ended.length).toBeGreaterThan(0);
    expect(ended.length).toBeLessThan(20);
  });

  it('end at the first token of another text', async () => {
    const [prefix, first] = [await prefixOf(low), pengi.tokenizer.encode('a cat')[0]!];
    const stopping = { ...options, stopToken: 'a cat' };
    const [found] = await reference.generate([low], [CAPTION], [''], stopping);
    expectBeams(found!, await beamsAfter(prefix, first));
    await expect(
      reference.generate([low], [CAPTION], [''], { ...options, stopToken: '' }),
    ).rejects.toMatchObject({ code: 'E_TEXT', message: 'the stop token is empty' });
  });

  it('go on from the i-th character of the i-th additional text', async () => {
    const found = await reference.generate([low, high], [CAPTION, CAPTION], ['dog', 'rain'], options);
    for (const [i, letter] of ['d', 'a'].entries()) {
      const prefix = await prefixOf([low, high][i]!);
      const vector = wordVectors(params, pengi.tokenizer.encode(letter));
      const whole = floats([...numbers(prefix), ...vector], [17, 128]);
      expectBeams(found[i]!, await beamsAfter(whole));
    }
  });

  it('cannot go on from a text that is too short, or whose characters have different numbers of tokens', async () => {
    const generate = (additional: string[]) =>
      reference.generate([low, high], [CAPTION, CAPTION], additional, options);
    await expect(generate(['', 'd'])).rejects.toMatchObject({
      code: 'E_TEXT',
      message: 'additional text 2 has no character 2, which is used of it',
    });
    await expect(generate(['d漢', ''])).rejects.toMatchObject({
      code: 'E_TEXT',
      message: 'texts of 1, 3 tokens',
    });
  });

  it('need a prompt and an additional text for each recording', async () => {
    await expect(reference.generate([low, high], [CAPTION, CAPTION], [''])).rejects.toMatchObject({
      code: 'E_USAGE',
      message: '2 recordings, 2 prompts and 1 additional texts',
    });
  });

  it('cannot be longer than the language model', async () => {
    const short = await referenceOf(withPositions(20));
    const generate = (maxTokens?: number) =>
      short.generate([low], [CAPTION], [''], maxTokens === undefined ? {} : { maxTokens });
    await expect(generate(6)).rejects.toMatchObject({ code: 'E_USAGE' });
    expect(await generate()).toHaveLength(1); // as many as fit
    await short.dispose();
  });

  it('describe a recording in the words of three prompts, the last without its last character', async () => {
    const best = [];
    for (const prompt of [CAPTION, 'generate metadata', 'this is a sound of'])
      best.push((await reference.generate([low], [prompt], [''], options))[0]!.texts[0]!);
    const [caption, metadata, events] = best as [string, string, string];
    expect(await reference.describe([low], options)).toEqual([
      `${caption + metadata}this audio contains sound events: ${events.slice(0, -1)}.`,
    ]);
  });

  it('give the embeddings of tokens as the decoder has them', async () => {
    const found = await reference.decoderEmbeddings(['a dog', 'a cat']);
    const ids = ['a dog', 'a cat'].flatMap((text) => pengi.tokenizer.encode(text));
    expect(found.shape).toEqual([2, 2, 128]);
    expect(numbers(found)).toEqual(wordVectors(params, ids));
  });
});

describe('a model folder', () => {
  it('gives the released wrapper for compat "reference", with the mel bank of the weights', async () => {
    const path = join(dir, 'model');
    const [params, melBank] = [paramsOf(BASE), floats(new Float32Array(513 * 64).fill(0.5), [513, 64])];
    const bank = { 'audio_encoder.base.htsat.logmel_extractor.melW': melBank };
    await saveModelFolder(path, { config: BASE, tensors: { ...params, ...bank } });
    const engine = await testEngine();
    const loaded = await loadPengi(path, { engine, compat: 'reference' });
    const frontend = createFrontend(BASE.frontend, { melBank });
    const made = createReferencePengi(params, BASE, { engine, frontend });
    expect(await embeddingOf(loaded, low)).toEqual(await embeddingOf(made, low));
    expect(loaded.config.textNorm).toBe('wrapper');
    await Promise.all([loaded.dispose(), made.dispose()]);
  });
});
