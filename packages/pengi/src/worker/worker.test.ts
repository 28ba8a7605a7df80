import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { saveModelFolder } from '@pengi/checkpoint';
import { createRng, flatten, type NdArray } from '@pengi/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AnswerSoFar } from '../answers.js';
import { loadPengi } from '../load.js';
import type { Pengi } from '../pengi.js';
import { BASE, LONG_PROMPT, paramsOf, testEngine, tone } from '../testing/models.js';
import { loadPengiWorker, overWorker, type PengiWorker } from './start.js';

let dir: string;
let pengi: Pengi;
let worker: PengiWorker;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-worker-'));
  await saveModelFolder(dir, { config: BASE, tensors: flatten<NdArray>(paramsOf(BASE) as never) });
  pengi = await loadPengi(dir, { engine: await testEngine() });
  worker = await loadPengiWorker(dir, { threads: 1 });
}, 60_000);
afterAll(async () => {
  await Promise.all([pengi.dispose(), worker.dispose()]);
  await rm(dir, { recursive: true });
});

describe('a model in a thread of its own', () => {
  it('answers as it does here', async () => {
    const inputs = [tone(200), tone(1500)];
    const options = { beams: 2, maxTokens: 6 };
    expect(worker.config).toEqual(pengi.config);
    expect(await worker.generate(inputs, options)).toEqual(await pengi.generate(inputs, options));
    expect(await worker.embedAudio(inputs)).toEqual(await pengi.embedAudio(inputs));
    const labels = ['a dog', 'a cat'];
    expect(await worker.classify(inputs, labels)).toEqual(await pengi.classify(inputs, labels));
  });

  it('tells answers as they grow and what there is to warn of, wherever the functions are', async () => {
    const inputs = Array.from({ length: 5 }, (_, i) => tone(200 + 100 * i)); // more than are decoded together
    const told: AnswerSoFar[] = [];
    const here: AnswerSoFar[] = [];
    const options = { beams: 2, maxTokens: 4 };
    const answers = await worker.generate(inputs, { ...options, onText: (text) => told.push(text) });
    await pengi.generate(inputs, { ...options, onText: (text) => here.push(text) });
    expect(told).toEqual(here);
    const final = told.filter(({ done }) => done).sort((a, b) => a.index - b.index);
    expect(final).toEqual(answers.map(({ text }, index) => ({ index, text, done: true })));

    const warnings: string[] = [];
    await worker.embedText([LONG_PROMPT], { warn: (message) => warnings.push(message) });
    expect(warnings).toEqual([expect.stringContaining('is cut to')]);
  });

  it('hands errors on as they were', async () => {
    await expect(worker.ask(tone(200), ' ')).rejects.toMatchObject({ code: 'E_TEXT', exitCode: 65 });
    await expect(worker.caption(join(dir, 'no.wav'))).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    await expect(loadPengiWorker(join(dir, 'nothing'))).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });

  it('rejects with what a listener throws, and goes on', async () => {
    const onText = () => {
      throw new Error('enough');
    };
    await expect(worker.caption(tone(200), { maxTokens: 3, onText })).rejects.toThrow('enough');
    expect(await worker.caption(tone(200), { maxTokens: 2 })).toHaveProperty('text');
  });

  it('refuses what cannot be sent, and goes on', async () => {
    const audio = { rng: createRng(1) };
    await expect(worker.generate([tone(200)], { audio } as never)).rejects.toMatchObject({ code: 'E_USAGE' });
    expect(await worker.caption(tone(200), { maxTokens: 2 })).toHaveProperty('text');
  });

  it('finishes what is under way before it ends, and takes nothing more', async () => {
    const own = await loadPengiWorker(dir, { threads: 1 });
    const asked = own.caption(tone(300), { maxTokens: 3 });
    await own.dispose();
    expect(await asked).toEqual(await pengi.caption(tone(300), { maxTokens: 3 }));
    await expect(own.caption(tone(300))).rejects.toMatchObject({ code: 'E_USAGE' });
  });

  it('reports a thread that ends', async () => {
    const code = `
      const { parentPort } = require('node:worker_threads');
      parentPort.postMessage({ ready: {} });
      parentPort.on('message', () => process.exit(3));`;
    const broken = await overWorker(new Worker(code, { eval: true }));
    const calls = await Promise.allSettled([broken.caption(tone(200)), broken.caption(tone(200))]);
    for (const call of calls) expect(call).toMatchObject({ reason: { code: 'E_WORKER' } });
    await expect(broken.caption(tone(200))).rejects.toMatchObject({ code: 'E_WORKER' });
  });
});
