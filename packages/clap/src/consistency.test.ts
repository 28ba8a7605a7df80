/** The same file and text give the same embedding twice, and among others or alone, in every family. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeWav } from '@pengi/audio-frontend';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clap, createClap } from './clap.js';
import { createMsclap } from './msclap.js';
import { robertaTokenizer } from './roberta-tokenizer.js';
import {
  TINY_MSCLAP,
  TINY_TRANSFORMERS,
  TOKENIZER_JSON,
  tinyMsclapParams,
  tinyTransformersParams,
} from './testing/families.js';
import { expectNear, LABELS, noise, rowsOf, TINY, testEngine, tinyParams } from './testing/tiny.js';
import { createTransformersClap } from './transformers.js';

const COUNT = 11; // more than an encoder takes at once

let dir: string;
let files: string[];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clap-consistency-'));
  files = Array.from({ length: COUNT }, (_, i) => join(dir, `${i}.wav`));
  for (const [i, file] of files.entries()) {
    const { samples, sampleRate } = noise(i);
    // Shorter, as long, and longer than what the model hears.
    const channels = [samples.slice(0, 900), samples, Float32Array.from([...samples, ...samples])];
    await writeFile(file, encodeWav({ channels: [channels[i % 3]!], sampleRate }));
  }
});
afterAll(() => rm(dir, { recursive: true }));

const FAMILIES: Record<string, () => Promise<Clap>> = {
  pengi: async () => createClap(tinyParams(1), TINY, { engine: await testEngine() }),
  msclap: async () => createMsclap(tinyMsclapParams(2), TINY_MSCLAP, { engine: await testEngine() }),
  transformers: async () =>
    createTransformersClap(tinyTransformersParams(3), TINY_TRANSFORMERS, {
      engine: await testEngine(),
      tokenizer: robertaTokenizer(TOKENIZER_JSON, TINY_TRANSFORMERS.text),
    }),
};

describe.each(Object.keys(FAMILIES))('a CLAP of the family "%s"', (family) => {
  it('embeds a file and a text in one way', async () => {
    const clap = await FAMILIES[family]!();
    // The tiny RoBERTa has tokens for few words, and cuts after ten.
    const texts = LABELS.slice(0, 4).map((label) =>
      family === 'transformers' ? label : `this is a sound of ${label}`,
    );
    for (const [embed, items] of [
      [clap.embedAudio, files],
      [clap.embedText, texts],
    ] as const) {
      const together = await embed(items);
      expect(await embed(items)).toEqual(together);
      for (const i of [0, 1, items.length - 1])
        expectNear(rowsOf(await embed([items[i]!])).flat(), rowsOf(together)[i]!, 1e-5);
      expect(rowsOf(together)[0]).not.toEqual(rowsOf(together)[1]);
    }
    await clap.dispose();
  });
});
