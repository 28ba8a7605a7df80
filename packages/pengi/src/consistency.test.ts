/** The same file gives the same embedding twice, and among others or alone; and a Pengi's towers are a CLAP. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeWav } from '@pengi/audio-frontend';
import { saveModelFolder } from '@pengi/checkpoint';
import { type Clap, cosines, loadClap } from '@pengi/clap';
import type { NdArray } from '@pengi/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { row } from './answers.js';
import { createClapcap } from './clapcap/clapcap.js';
import type { PengiConfig } from './config.js';
import { createReferencePengi } from './reference.js';
import {
  BASE,
  CLAPCAP,
  clapcapParamsOf,
  expectNear,
  NO_TEXT_ENCODER,
  numbers,
  paramsOf,
  pengiOf,
  testEngine,
  tone,
} from './testing/models.js';

let dir: string;
let files: string[];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-consistency-'));
  files = Array.from({ length: 9 }, (_, i) => join(dir, `${i}.wav`)); // more than an encoder takes at once
  for (const [i, file] of files.entries()) {
    const { samples, sampleRate } = tone(200 * (i + 1));
    // Shorter, as long, and longer than what the model hears.
    const channels = [samples.slice(0, 3000), samples, Float32Array.from([...samples, ...samples])];
    await writeFile(file, encodeWav({ channels: [channels[i % 3]!], sampleRate }));
  }
});
afterAll(() => rm(dir, { recursive: true }));

interface Embedder {
  embedAudio(inputs: readonly string[]): Promise<NdArray>;
  dispose(): Promise<void>;
}

const MODELS: Record<string, () => Promise<Embedder>> = {
  'with a text encoder': () => pengiOf(BASE),
  'without a text encoder': () => pengiOf(NO_TEXT_ENCODER),
  'of clapcap': async () => createClapcap(clapcapParamsOf(CLAPCAP), CLAPCAP, { engine: await testEngine() }),
};

describe.each(Object.keys(MODELS))('a model %s', (name) => {
  it('embeds a file in one way', async () => {
    const model = await MODELS[name]!();
    const together = await model.embedAudio(files);
    expect(await model.embedAudio(files)).toEqual(together);
    for (const i of [0, 1, 2, 8])
      expectNear(numbers(await model.embedAudio([files[i]!])), numbers(row(together, i)), 1e-5);
    expect(numbers(row(together, 0))).not.toEqual(numbers(row(together, 1)));
    await model.dispose();
  });
});

it('with compat "reference", only what is not longer than the model hears is embedded in one way', async () => {
  const model = createReferencePengi(paramsOf(BASE), BASE, { engine: await testEngine() });
  const of = async (file: string) => numbers((await model.audioEmbeddings([file])).embeddings);
  expect(await of(files[0]!)).toEqual(await of(files[0]!));
  expect(await of(files[2]!)).not.toEqual(await of(files[2]!));
  await model.dispose();
});

describe('the towers of a Pengi', () => {
  const LABELS = ['a dog', 'a cat', 'rain'];
  const folder = async (config: PengiConfig, name: string) => {
    await saveModelFolder(join(dir, name), { config, tensors: paramsOf(config) });
    return join(dir, name);
  };
  const load = async (path: string): Promise<Clap> => loadClap(path, { engine: await testEngine() });

  it('are a CLAP, of which cosines count a hundredfold', async () => {
    const [clap, pengi] = [await load(await folder(BASE, 'base')), await pengiOf(BASE)];
    const [audio, text] = [await clap.embedAudio(files), await clap.embedText(LABELS)];
    expect(audio).toEqual(await pengi.embedAudio(files));
    expect(text).toEqual(await pengi.embedText(LABELS));
    expectNear(
      numbers(clap.similarity(audio, text)),
      numbers(cosines(audio, text)).map((x) => 100 * x),
      1e-4,
    );
    const options = { template: '{}' };
    const [scores] = await clap.zeroShot([files[1]!], LABELS, options);
    const expected = numbers(cosines(await clap.embedAudio([files[1]!]), text));
    for (const { label, cosine } of scores!) expect(cosine).toBeCloseTo(expected[LABELS.indexOf(label)]!, 5);
    expect(clap.config).toMatchObject({ model: 'clap', embedding: BASE.embedding });
    await Promise.all([clap.dispose(), pengi.dispose()]);
  });

  it('are none where there is no text encoder', async () => {
    const path = await folder(NO_TEXT_ENCODER, 'no-text');
    await expect(load(path)).rejects.toMatchObject({
      code: 'E_CONFIG',
      file: path,
      message: 'this Pengi has no text encoder, so it is no CLAP',
    });
  });

  it('must be there as the config says', async () => {
    const path = join(dir, 'other');
    const { caption_encoder: _none, ...tensors } = paramsOf(BASE);
    await saveModelFolder(path, { config: BASE, tensors });
    await expect(load(path)).rejects.toMatchObject({
      code: 'E_WEIGHTS',
      message: expect.stringMatching(
        /^the weights do not fit the towers of this Pengi config: \d+ missing\n/,
      ),
    });
  });
});
