import { ints, type NdArray } from '@pengi/core';
import { l2Normalize } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PengiConfig } from './config.js';
import { audioPrefix, captionHidden, type PengiBatch, promptEmbedding, promptPrefix } from './model.js';
import type { PengiParams } from './params.js';
import type { Pengi } from './pengi.js';
import { promptTokenizer } from './prompts.js';
import { wordVectors } from './testing/by-hand.js';
import {
  BASE,
  expectNear,
  NO_TEXT_ENCODER,
  numbers,
  paramsOf,
  pengiOf,
  testEngine,
  tone,
} from './testing/models.js';
import { pengiTask } from './training.js';

const PROMPTS = ['generate audio caption', 'question: what is it?'];
const RECORDINGS = [tone(200), tone(1500)];

/** Rows from … to of [n, 128]. */
const rows = (prefix: NdArray, from: number, to: number) => numbers(prefix).slice(from * 128, to * 128);

describe.each<[string, PengiConfig]>([
  ['of a text encoder, normalised', { ...BASE, textNorm: 'training' }],
  ['of a text encoder, as it is', { ...BASE, textNorm: 'wrapper' }],
  ['of the language model', NO_TEXT_ENCODER],
])('the prefix from prompt embeddings %s', (_kind, config) => {
  const params = paramsOf(config);
  let pengi: Pengi;
  let audio: NdArray<'float32'>;
  beforeAll(async () => {
    pengi = await pengiOf(config, params);
    audio = await pengi.embedAudio(RECORDINGS);
  });
  afterAll(() => pengi.dispose());

  it('is the audio half, then the prompt half, then the additional text', async () => {
    const { prefixes } = await pengi.prefixes(audio, PROMPTS, { continue: 'a dog' });
    const engine = await testEngine();
    const halves = engine.compile((p: PengiParams, embedding: Tensor, ids: Tensor) => {
      const prompt = promptPrefix(p, promptEmbedding(p, ids, config), config);
      return { audio: audioPrefix(p, embedding, config), prompt };
    }, params);
    const ids = PROMPTS.map((prompt) => [...promptTokenizer(config)(prompt).ids]);
    const expected = await halves.run(audio, ints(ids.flat(), [2, 40]));
    const words = wordVectors(params, pengi.tokenizer.encode('a dog'));
    for (const [i, prefix] of prefixes.entries()) {
      expect(prefix.shape).toEqual([16 + 2, 128]);
      expectNear(rows(prefix, 0, 8), numbers(expected.audio).slice(i * 1024, (i + 1) * 1024));
      expectNear(rows(prefix, 8, 16), numbers(expected.prompt).slice(i * 1024, (i + 1) * 1024));
      expect(rows(prefix, 16, 18)).toEqual(words);
    }
    await halves.dispose();
  });

  it('depends on the recording in its first half and on the prompt in its second', async () => {
    const [first, second] = PROMPTS as [string, string];
    const swapped = await pengi.prefixes(audio, [second, first]);
    const { prefixes } = await pengi.prefixes(audio, [first, second]);
    for (const i of [0, 1]) {
      const [a, b, other] = [prefixes[i]!, swapped.prefixes[i]!, prefixes[1 - i]!];
      expect(rows(b, 0, 8)).toEqual(rows(a, 0, 8));
      expect(rows(b, 8, 16)).toEqual(rows(other, 8, 16));
      expect(rows(other, 0, 8)).not.toEqual(rows(a, 0, 8));
      expect(rows(other, 8, 16)).not.toEqual(rows(a, 8, 16));
    }
  });

  it('is the same in training', async () => {
    const samples = RECORDINGS.map(({ samples, sampleRate }, i) => ({
      id: String(i),
      logMel: pengi.frontend.logMel(pengi.frontend.prepare({ samples, sampleRate }).samples),
      prompt: PROMPTS[i]!,
      target: 'a dog',
    }));
    const { arrays } = await pengiTask(config, params, () => samples).batch(0);
    const program = (await testEngine()).compile(
      (p: PengiParams, batch: PengiBatch) => captionHidden(p, batch, config).prefix,
      params,
    );
    const inTraining = await program.run(arrays);
    const { prefixes } = await pengi.prefixes(audio, PROMPTS);
    expect(inTraining.shape).toEqual([2, 16, 128]);
    expectNear(numbers(inTraining), prefixes.flatMap(numbers));
    await program.dispose();
  });
});

describe('the normalisation of text embeddings', () => {
  it('is done in the model as in training, and not in the model as in the wrapper', async () => {
    const params = paramsOf(BASE);
    const program = (await testEngine()).compile((p: PengiParams, ids: Tensor) => {
      const embedding = promptEmbedding(p, ids, BASE);
      const prefix = (textNorm: PengiConfig['textNorm'], x: Tensor) =>
        promptPrefix(p, x, { ...BASE, textNorm });
      return {
        training: prefix('training', embedding),
        wrapper: prefix('wrapper', embedding),
        wrapperOfNormalised: prefix('wrapper', l2Normalize(embedding)),
      };
    }, params);
    const { ids } = promptTokenizer(BASE)(PROMPTS[0]!);
    const { training, wrapper, wrapperOfNormalised } = await program.run(ints(ids, [1, 40]));
    expectNear(numbers(training), numbers(wrapperOfNormalised));
    expect(Math.max(...numbers(wrapper).map((x, i) => Math.abs(x - numbers(training)[i]!)))).toBeGreaterThan(
      0.1,
    );
    await program.dispose();
  });
});
