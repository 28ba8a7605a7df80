import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Pengi } from './pengi.js';
import { BASE, expectNear, numbers, pengiOf, tone } from './testing/models.js';

/** A low tone, then a high one: 0.3 s each, and a third of that. */
const long = {
  samples: Float32Array.from([
    ...tone(200).samples,
    ...tone(1500).samples,
    ...tone(700).samples.slice(0, 1600),
  ]),
  sampleRate: 16000,
};

let pengi: Pengi;
beforeAll(async () => {
  pengi = await pengiOf(BASE);
});
afterAll(() => pengi.dispose());

it('captions each window as if it were a recording of its own', async () => {
  const options = { beams: 2, maxTokens: 8 };
  const found = await pengi.captionWindows(long, options);
  expect(found.map(({ start, end }) => [start, end])).toEqual([
    [0, 0.3],
    [0.3, 0.6],
    [0.4, 0.7],
  ]);
  const [low, high] = await pengi.generate([tone(200), tone(1500)], options);
  expect(found[0]!.answer.text).toBe(low!.text);
  expect(found[1]!.answer.text).toBe(high!.text);
  expect(found[0]!.answer.score).toBeCloseTo(low!.score, 4);
  expect(found[1]!.answer.score).toBeCloseTo(high!.score, 4);
});

it('takes a prompt and other windows', async () => {
  const found = await pengi.captionWindows(long, {
    prompt: 'generate metadata',
    maxTokens: 4,
    strategy: 'greedy',
    windowing: { hopSeconds: 0.2, tail: 'rest' },
  });
  expect(found.map(({ start, end }) => [start, end])).toEqual([
    [0, 0.3],
    [0.2, 0.5],
    [0.4, 0.7],
  ]);
  const options = { prompt: 'generate metadata', maxTokens: 4, strategy: 'greedy' } as const;
  const rest = { samples: long.samples.slice(6400), sampleRate: 16000 };
  const [expected] = await pengi.generate([rest], options);
  expect(found[2]!.answer.text).toBe(expected!.text);
});

it('embeds windows, and all of them together', async () => {
  const { embeddings, times } = await pengi.embedWindows(long);
  expect([embeddings.shape, times.length]).toEqual([[3, 128], 3]);
  expectNear(numbers(embeddings).slice(0, 128), numbers(await pengi.embedAudio([long])));
  const pooled = numbers(await pengi.embedAudio([long], { pool: 'mean' }));
  expect(Math.hypot(...pooled)).toBeCloseTo(1, 5);
  expect(Math.max(...pooled.map((x, e) => Math.abs(x - numbers(embeddings)[e]!)))).toBeGreaterThan(1e-4);
});

it('answers about a whole recording, of the joined embedding of its windows', async () => {
  const decoding = { beams: 2, maxTokens: 8 };
  const [whole, start] = await Promise.all([
    pengi.generate([long], { ...decoding, audio: { pool: 'mean' } }),
    pengi.generate([long], decoding),
  ]);
  const embedding = await pengi.embedAudio([long], { pool: 'mean' });
  const { prefixes } = await pengi.prefixes(embedding, ['generate audio caption']);
  const { endOfText: stopToken } = pengi.tokenizer;
  const [found] = await pengi.gpt2.generate(prefixes, { ...decoding, stopToken });
  expect(whole[0]!.score).toBeCloseTo(found![0]!.score, 5);
  expect(Math.abs(whole[0]!.score - start[0]!.score)).toBeGreaterThan(1e-5); // otherwise the test says nothing
});
