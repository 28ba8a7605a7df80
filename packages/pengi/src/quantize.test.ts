import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveModelFolder } from '@pengi/checkpoint';
import { createEngine } from '@pengi/jit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { compareModel, loadPengi } from './load.js';
import { createPengi } from './pengi.js';
import { compareQuantized, QUANTIZE_BOUNDS } from './quantize.js';
import { smallConfigs } from './small.js';
import { BASE, type Params, paramsOf, testEngine, tone } from './testing/models.js';

let dir: string;
const params = paramsOf(BASE);
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-int8-'));
  vi.stubEnv('PENGI_CACHE', join(dir, 'cache'));
  await saveModelFolder(join(dir, 'good'), { config: BASE, tensors: params });
  await saveModelFolder(join(dir, 'bad'), { config: BASE, tensors: withOutliers(params) });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true });
});

/**
 * The same model, with large weights on channels that are always 0: they change nothing, but the other weights of their
 * blocks cannot be told apart any more when 8 bits have to reach that far.
 */
function withOutliers(p: Params): Params {
  const copy = structuredClone(p);
  for (const { ln_1, attn } of copy.caption_decoder.gpt.transformer.h)
    for (const channel of [0, 64]) {
      // One in each block of 64.
      for (const { data } of [ln_1.weight, ln_1.bias]) data[channel] = 0;
      const [, outputs] = attn.c_attn.weight.shape as [number, number];
      attn.c_attn.weight.data.fill(1000, channel * outputs, (channel + 1) * outputs);
    }
  return copy;
}

describe('a report', () => {
  it('compares the language model on the same recordings', async () => {
    const clips = [tone(300), tone(900), tone(2000)];
    const report = await compareQuantized(params, BASE, await testEngine(), {
      clips,
      tokens: 6,
      beams: true,
    });
    expect(report).toMatchObject({ parts: 'language', clips: 3, tokens: 18, problems: [] });
    expect(report.logitsCosine.least).toBeGreaterThan(0.99);
    expect(report.logitsCosine.mean).toBeLessThan(1); // it was rounded
    expect(report.logitsCosine.mean).toBeGreaterThanOrEqual(report.logitsCosine.least);
    expect(report.logProbDifference).toBeGreaterThan(0);
    expect(report.equalTokens.orNearTie).toBeGreaterThanOrEqual(report.equalTokens.exactly);
    expect(report.equalBeams).not.toBeNull();
    expect(report.embeddingCosine).toEqual({ audio: null, text: null });
  });

  it('compares embeddings when all parts are quantised', async () => {
    const report = await compareQuantized(params, BASE, await testEngine(), { parts: 'all', tokens: 2 });
    const { audio, text } = report.embeddingCosine;
    for (const cosine of [audio, text]) {
      expect(cosine).toBeGreaterThan(QUANTIZE_BOUNDS.embeddingCosine);
      expect(cosine).toBeLessThan(1); // it was rounded
    }
    expect(report.equalBeams).toBeNull();
  });

  it('has the log-probabilities that the two models give', async () => {
    const engine = await testEngine();
    const clips = [tone(300)];
    const report = await compareQuantized(params, BASE, engine, { clips, tokens: 1 });
    const [exact, rounded] = await Promise.all(
      [{}, { quantize: 'int8' as const }].map(async (options) => {
        const pengi = createPengi(params, BASE, { engine, ...options });
        const { prefixes } = await pengi.prefixes(await pengi.embedAudio(clips), ['generate audio caption']);
        const { first } = await pengi.gpt2.decoder.start(prefixes, { rows: 1, maxTokens: 1 });
        await pengi.dispose();
        return first.logProbs[0]![0]!;
      }),
    );
    const differences = [...exact!].flatMap((p, i) => (p > -10 ? [Math.abs(p - rounded![i]!)] : []));
    expect(report.logProbDifference).toBeCloseTo(Math.max(...differences), 6);
  });

  it('names the bounds that are not reached', async () => {
    const report = await compareModel(join(dir, 'bad'), { engine: await testEngine(), beams: true });
    expect(report.problems).toContainEqual(
      expect.stringMatching(/^the cosine of the logits is 0\.\d+, below 0\.999$/),
    );
    expect(report.equalBeams).toBeLessThan(1);
  });
});

it('models of few words are asked what they know', async () => {
  const { pengi: config } = smallConfigs({ prompts: ['generate metadata'], answers: ['a dog'] }, BASE);
  const report = await compareQuantized(paramsOf(config), config, await testEngine(), { tokens: 2 });
  expect(report.tokens).toBe(4);
  await expect(compareQuantized(params, BASE, await testEngine(), { tokens: 0 })).rejects.toMatchObject({
    code: 'E_USAGE',
  });
});

describe('loading with weights of 8 bits', () => {
  it('gives a model of other numbers, after a check that is remembered', async () => {
    const engine = await testEngine();
    const load = () => loadPengi(join(dir, 'good'), { engine, quantize: 'int8' });
    const pengi = await load();
    const plain = await loadPengi(join(dir, 'good'), { engine });
    const ids = [1, 2, 3];
    const prefix = await plain.gpt2.embed(ids);
    const [scores, others] = [await plain.gpt2.score(prefix, [ids]), await pengi.gpt2.score(prefix, [ids])];
    expect(others[0]).not.toEqual(scores[0]);
    for (const [i, score] of scores[0]!.entries()) expect(others[0]![i]).toBeCloseTo(score, 0);
    await Promise.all([pengi.dispose(), plain.dispose()]);

    const cache = join(dir, 'cache', 'quantize');
    const [file, ...none] = await readdir(cache);
    expect(none).toEqual([]);
    const path = join(cache, file!);
    const report = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...report, problems: ['as it was remembered'] }));
    await expect(load()).rejects.toMatchObject({
      code: 'E_QUANTIZE',
      message: expect.stringContaining('as it was remembered'),
    });
    await writeFile(path, 'damaged');
    await (await load()).dispose();
  });

  it('is refused when it changes too much, unless forced', async () => {
    const options = { engine: await testEngine(), quantize: 'int8' } as const;
    await expect(loadPengi(join(dir, 'bad'), options)).rejects.toMatchObject({
      code: 'E_QUANTIZE',
      exitCode: 65,
      file: join(dir, 'bad'),
      message: expect.stringContaining('the cosine of the logits is'),
      hint: expect.stringContaining('force'),
    });
    await (await loadPengi(join(dir, 'bad'), { ...options, force: true })).dispose();
  });

  it('is refused with the quirks of the released code, and by engines that have none', async () => {
    const folder = join(dir, 'good');
    await expect(loadPengi(folder, { compat: 'reference', quantize: 'int8' })).rejects.toMatchObject({
      code: 'E_USAGE',
    });
    const engine = await createEngine('cpu');
    await expect(loadPengi(folder, { engine, quantize: 'int8', force: true })).rejects.toMatchObject({
      code: 'E_ENGINE',
    });
  });
});
