import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFrontend, encodeWav } from '@pengi/audio-frontend';
import { floats, type NdArray } from '@pengi/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clap, createClap } from './clap.js';
import { nearest, normalized } from './embeddings.js';
import { plainCosine } from './testing/plain.js';
import {
  expectNear,
  LABELS,
  noise,
  numbers,
  randomArray,
  rowsOf,
  sum,
  TINY,
  testEngine,
  tinyParams,
} from './testing/tiny.js';

const params = tinyParams(1);
const SCALE = Math.exp(Number(params.logit_scale.data[0]));
const clips = Array.from({ length: 11 }, (_, i) => noise(i));
const texts = LABELS.map((label) => `this is a sound of ${label}`);

let clap: Clap;
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clap-'));
  clap = createClap(params, TINY, { engine: await testEngine() });
});
afterAll(async () => {
  await clap.dispose();
  await rm(dir, { recursive: true });
});

const lengths = (embeddings: NdArray) => rowsOf(embeddings).map((row) => Math.hypot(...row));

describe('embeddings', () => {
  it('have the length 1, or the encoder’s', async () => {
    for (const [embed, raw, n] of [
      [() => clap.embedAudio(clips), () => clap.embedAudio(clips, { normalize: false }), 11],
      [() => clap.embedText(texts), () => clap.embedText(texts, { normalize: false }), 5],
    ] as const) {
      const [unit, plain] = [await embed(), await raw()];
      expect([unit.shape, plain.shape]).toEqual([
        [n, 10],
        [n, 10],
      ]);
      expectNear(lengths(unit), Array(n).fill(1), 1e-6);
      expect(Math.max(...lengths(plain))).toBeGreaterThan(1.5);
      expectNear(numbers(normalized(plain)), numbers(unit), 1e-6);
    }
  });

  it('of an input do not depend on the others, however many they are', async () => {
    const many = rowsOf(await clap.embedAudio(clips));
    const words = [...texts, ...texts, ...texts];
    const all = rowsOf(await clap.embedText(words));
    expect(new Set(many.map(String)).size).toBe(11);
    for (const i of [0, 7, 8, 10]) expectNear(numbers(await clap.embedAudio([clips[i]!])), many[i]!, 1e-6);
    for (const i of [0, 7, 8, 14]) expectNear(numbers(await clap.embedText([words[i]!])), all[i]!, 1e-6);
  });

  it('are the same on another engine', async () => {
    const other = createClap(params, TINY, { engine: await testEngine('cpu') });
    const [audio, text] = [await other.embedAudio(clips.slice(0, 2)), await other.embedText(texts)];
    expectNear(numbers(audio), numbers(await clap.embedAudio(clips.slice(0, 2))));
    expectNear(numbers(text), numbers(await clap.embedText(texts)));
    await other.dispose();
  });

  it('are those of a file as of its samples', async () => {
    const path = join(dir, 'noise.wav');
    await writeFile(path, wav(clips[3]!));
    expect(await clap.embedAudio([path])).toEqual(await clap.embedAudio([clips[3]!]));
  });

  it('of nothing are no rows', async () => {
    expect((await clap.embedAudio([])).shape).toEqual([0, 10]);
    expect((await clap.embedText([])).shape).toEqual([0, 10]);
    expect(await clap.zeroShot([], LABELS)).toEqual([]);
  });

  it('come with warnings of what was not used as given', async () => {
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    const bells = (n: number) => Array(n).fill('a bell').join(' ');
    expect(await clap.embedText([bells(5)], { warn })).toEqual(await clap.embedText([bells(4)], { warn }));
    const path = join(dir, 'cut.wav');
    await writeFile(path, wav(clips[3]!).subarray(0, 4000));
    await clap.embedAudio([path], { allowDamaged: true, warn });
    expect(warnings[0]).toBe(`"${bells(5)}" is cut to 10 tokens`);
    expect(warnings[1]).toContain('cut.wav: ');
    expect(warnings).toHaveLength(2);
  });

  it('are refused for what cannot be embedded', async () => {
    await expect(clap.embedText(['rain', ' '])).rejects.toMatchObject({
      code: 'E_TEXT',
      message: 'text 2 is empty',
    });
    await expect(clap.embedText(['a violin'])).rejects.toMatchObject({ code: 'E_TEXT' });
    await expect(clap.embedText([7 as never])).rejects.toMatchObject({ code: 'E_TEXT' });
    const missing = join(dir, 'missing.wav');
    await expect(clap.embedAudio([missing])).rejects.toMatchObject({ code: 'E_NOT_FOUND', file: missing });
    const silent = { samples: new Float32Array(0), sampleRate: 8000 };
    await expect(clap.embedAudio([silent])).rejects.toMatchObject({ code: 'E_AUDIO_EMPTY' });
  });
});

describe('similarity', () => {
  it('is the scaled cosine of each recording with each text', async () => {
    const [audio, text] = [randomArray(7, [3, 10]), randomArray(8, [2, 10])];
    const found = clap.similarity(audio, text);
    expect(found.shape).toEqual([3, 2]);
    expectNear(
      numbers(found),
      rowsOf(audio).flatMap((a) => rowsOf(text).map((t) => SCALE * plainCosine(a, t))),
      1e-4,
    );
  });

  it('refuses embeddings of another model', () => {
    expect(() => clap.similarity(randomArray(7, [3, 10]), randomArray(8, [2, 9]))).toThrow(
      expect.objectContaining({ code: 'E_SHAPE' }),
    );
  });
});

describe('zero-shot labels', () => {
  it('are a softmax over scaled cosines, the most similar first', async () => {
    const scores = await clap.zeroShot(clips, LABELS);
    const audio = rowsOf(await clap.embedAudio(clips));
    const text = rowsOf(await clap.embedText(texts));
    expect(scores).toHaveLength(11);
    for (const [i, labels] of scores.entries()) {
      const cosines = text.map((row) => plainCosine(audio[i]!, row));
      const total = sum(cosines.map((cosine) => Math.exp(SCALE * cosine)));
      expect([...labels.map(({ label }) => label)].sort()).toEqual([...LABELS].sort());
      expect(sum(labels.map(({ probability }) => probability))).toBeCloseTo(1, 9);
      for (const { label, probability, cosine } of labels) {
        const expected = cosines[LABELS.indexOf(label)]!;
        expect(cosine).toBeCloseTo(expected, 5);
        expect(probability).toBeCloseTo(Math.exp(SCALE * expected) / total, 4);
      }
      const order = labels.map(({ cosine }) => cosine);
      expect(order).toEqual([...order].sort((a, b) => b - a));
    }
  });

  it('are ranked where all probabilities but one are 0', async () => {
    const sharp = createClap({ ...params, logit_scale: floats([20], []) }, TINY, {
      engine: await testEngine(),
    });
    const [[labels], [expected]] = [
      await sharp.zeroShot([clips[0]!], LABELS),
      await clap.zeroShot([clips[0]!], LABELS),
    ];
    expect(labels!.map(({ probability }) => probability)).toEqual([1, 0, 0, 0, 0]);
    expect(labels!.map(({ label }) => label)).toEqual(expected!.map(({ label }) => label));
    await sharp.dispose();
  });

  it('take the place of {} in the template as they are', async () => {
    const [labels] = await clap.zeroShot([clips[0]!], ['rain', '$&'], { template: 'a {} of {}' });
    const [audio] = rowsOf(await clap.embedAudio([clips[0]!]));
    for (const { label, cosine } of labels!) {
      const [text] = rowsOf(await clap.embedText([`a ${label} of ${label}`]));
      expect(cosine).toBeCloseTo(plainCosine(audio!, text!), 5);
    }
  });

  it('keep their order where they are equal', async () => {
    const [labels] = await clap.zeroShot([clips[0]!], ['Rain', 'rain', 'RAIN']);
    expect(labels!.map(({ label }) => label)).toEqual(['Rain', 'rain', 'RAIN']);
    for (const { probability } of labels!) expect(probability).toBeCloseTo(1 / 3, 9);
  });

  it.each<[string, string[], string | undefined, string]>([
    ['none', [], undefined, 'no labels to choose from'],
    ['an empty one', ['dog', '\t'], undefined, 'label 2 is empty'],
    ['a template without place', ['dog'], 'a sound', 'the template "a sound" has no {} for the label'],
  ])('are refused when there is %s', async (_what, labels, template, message) => {
    const options = template === undefined ? {} : { template };
    await expect(clap.zeroShot(clips, labels, options)).rejects.toMatchObject({ code: 'E_USAGE', message });
  });
});

describe('retrieval', () => {
  it('finds recordings by text and texts by recording in the order of their similarity', async () => {
    const [audio, text] = [await clap.embedAudio(clips), await clap.embedText(texts)];
    const scores = rowsOf(clap.similarity(audio, text));
    for (const [t, found] of nearest(text, audio, 11).entries()) {
      const inOrder = found.map(({ index }) => scores[index]![t]!);
      expect(inOrder).toEqual([...inOrder].sort((a, b) => b - a));
    }
    const labels = await clap.zeroShot(clips, LABELS);
    for (const [a, found] of nearest(audio, text, 5).entries())
      expect(found.map(({ index }) => LABELS[index])).toEqual(labels[a]!.map(({ label }) => label));
  });
});

describe('a front end', () => {
  it('can be given in place of the config’s', async () => {
    const frontend = createFrontend({ ...TINY.frontend, fMax: 2000 });
    const other = createClap(params, TINY, { engine: await testEngine(), frontend });
    expect(other.frontend).toBe(frontend);
    expect(await other.embedAudio([clips[0]!])).not.toEqual(await clap.embedAudio([clips[0]!]));
    await other.dispose();
  });
});

const wav = ({ samples, sampleRate }: { samples: Float32Array; sampleRate: number }) =>
  encodeWav({ channels: [samples], sampleRate });
