import { clapSpec } from '@pengi/clap';
import { gpt2Spec } from '@pengi/gpt2';
import { createEngine, type Engine } from '@pengi/jit';
import { initParams } from '@pengi/nn';
import * as tf from '@tensorflow/tfjs-core';
import { pengiSpec } from 'pengi';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TINY } from '../testing/models.js';
import { chosenSamples } from './evaluation.js';
import { type ListenedClip, listenClap, listenLanguage, listenPengi } from './listen.js';

/** An engine that tells what was compiled and not disposed of. */
function countingEngine(engine: Engine) {
  const open = new Set<string>();
  let compiled = 0;
  const counting: Engine = {
    ...engine,
    compile(fn, weights, options) {
      const program = engine.compile(fn, weights, options);
      const name = `${++compiled} ${options?.name}`;
      open.add(name);
      return Object.assign(Object.create(program) as typeof program, {
        async dispose() {
          await program.dispose();
          open.delete(name);
        },
      });
    },
  };
  return { engine: counting, open, compiled: () => compiled };
}

let engine: Engine;
let counted: ReturnType<typeof countingEngine>;
beforeAll(async () => {
  engine = await createEngine('jit', { threads: 1 });
});
beforeEach(() => {
  counted = countingEngine(engine);
});

const FRAMES = 31;
const samples = ['a dog', 'a cat', 'it is a dog'].map((target, i): ListenedClip => {
  const logMel = Float32Array.from({ length: FRAMES * 64 }, (_, n) => -40 + 20 * Math.sin((n * (i + 1)) / 7));
  return { id: `${i}.wav`, prompt: 'question: what is it?', target, logMel };
});

describe('what a model under training is asked', () => {
  it('is answered by Pengi from the parameters of the moment', async () => {
    const listen = listenPengi(TINY.pengi);
    const answersOf = async (seed: number) =>
      listen(initParams(pengiSpec(TINY.pengi), seed), samples, { engine: counted.engine, shown: 2 });
    const [first, second, again] = [await answersOf(1), await answersOf(2), await answersOf(1)];
    expect(first.samples).toMatchObject([
      { id: '0.wav', prompt: 'question: what is it?', target: 'a dog' },
      { id: '1.wav', prompt: 'question: what is it?', target: 'a cat' },
    ]);
    expect(first).toEqual(again);
    expect(first.embeddings).not.toEqual(second.embeddings);
    expect(first.embeddings?.audio.shape).toEqual([3, 128]);
    expect(first.embeddings?.text?.shape).toEqual([3, 128]);
  });

  it("is answered by CLAP with the nearest of the samples' texts", async () => {
    const params = initParams(clapSpec(TINY.clap), 1);
    const { samples: said, embeddings } = await listenClap(TINY.clap)(params, samples, {
      engine: counted.engine,
      shown: 3,
    });
    const { audio, text } = embeddings!;
    const dot = (i: number, j: number) =>
      audio.data.slice(i * 128, i * 128 + 128).reduce((sum, x, e) => sum + x * text!.data[j * 128 + e]!, 0);
    for (const [i, { answer }] of said.entries()) {
      const cosines = samples.map((_, j) => dot(i, j));
      expect(answer).toBe(samples[cosines.indexOf(Math.max(...cosines))]!.target);
    }
  });

  it('is gone on with by the language model, where a document has two texts', async () => {
    const { gpt2 } = TINY.pengi;
    const documents = [
      { id: 'a', texts: ['a dog', 'it is a dog'] },
      { id: 'b', texts: ['a cat'] },
    ];
    const { samples: said } = await listenLanguage(gpt2)(initParams(gpt2Spec(gpt2), 1), documents, {
      engine: counted.engine,
      shown: 6,
    });
    expect(said).toMatchObject([{ id: 'a', prompt: 'a dog', target: 'it is a dog' }]);
  });

  it('leaves nothing behind: every program is disposed of, also when a text cannot be used, and no tensor is kept', async () => {
    const { numTensors } = tf.memory();
    const params = initParams(pengiSpec(TINY.pengi), 1);
    const unknown = [{ ...samples[0]!, target: 'zebra' }, samples[1]!]; // no word of this small vocabulary
    const heard = await listenPengi(TINY.pengi)(params, unknown, { engine: counted.engine, shown: 1 });
    expect(heard.embeddings?.text).toBeUndefined();
    const unaskable = [{ ...samples[0]!, prompt: 'zebra' }];
    const failed = listenPengi(TINY.pengi)(params, unaskable, { engine: counted.engine, shown: 1 });
    await expect(failed).rejects.toMatchObject({ code: 'E_TEXT' });
    expect(counted.compiled()).toBeGreaterThan(0);
    expect([...counted.open]).toEqual([]);
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});

describe('chosenSamples', () => {
  const of = (prompt: string, target: string, i: number) => ({ id: `${i}`, audio: `${i}`, prompt, target });
  const many = [
    ...Array.from({ length: 40 }, (_, i) => of('caption', 'a dog', i)),
    of('caption', 'a cat', 40),
    of('what?', 'a bird', 41),
    of('what?', 'a dog', 42),
  ];

  it('are few, the same for the same seed, and of all kinds', () => {
    const chosen = chosenSamples(many, 1, 4);
    expect(chosenSamples(many, 1, 4)).toEqual(chosen);
    expect(chosenSamples(many, 2, 4)).not.toEqual(chosen);
    expect(new Set(chosen.map(({ target }) => target))).toEqual(new Set(['a dog', 'a cat', 'a bird']));
    expect(new Set(chosen.map(({ prompt }) => prompt)).size).toBe(2);
  });

  it('are all of them where there are few', () => {
    expect(chosenSamples(many.slice(0, 3), 1)).toHaveLength(3);
  });
});
