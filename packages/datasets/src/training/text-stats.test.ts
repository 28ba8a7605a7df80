import { describe, expect, it } from 'vitest';
import { measureRecordings } from '../sets/measure.js';
import { toneWav } from '../testing/files.js';
import { textStats } from './text-stats.js';

describe('textStats', () => {
  it('counts prompts, texts and words', () => {
    const stats = textStats([
      { prompt: 'question: is it raining?', target: 'yes' },
      { prompt: 'question: how many?', target: 'yes' },
      { prompt: 'generate audio caption', target: "A dog's bark, far-off; a Vögelchen." },
    ]);
    expect(stats).toEqual({
      texts: 3,
      distinct: 2,
      prompts: { 'question: …': 2, 'generate audio caption': 1 },
      targets: { yes: 2, "A dog's bark, far-off; a Vögelchen.": 1 },
      words: { yes: 2, a: 2, "dog's": 1, bark: 1, 'far-off': 1, vögelchen: 1 },
      lengths: [1, 1, 6],
    });
  });
});

describe('measureRecordings', () => {
  const of = (bytes: Uint8Array) => ({ read: async () => bytes });

  it('tells lengths, rates and what cannot be decoded', async () => {
    const found = await measureRecordings([
      of(toneWav({ seconds: 0.5, sampleRate: 8000 })),
      of(toneWav({ seconds: 0.25, sampleRate: 16000 })),
      of(Buffer.from('no audio')),
    ]);
    expect(found).toEqual({
      recordings: 3,
      measured: 3,
      undecodable: 1,
      seconds: [0.5, 0.25],
      sampleRates: { 8000: 1, 16000: 1 },
      channels: { 1: 2 },
      formats: { wav: 2 },
    });
  });

  it('takes some of many, the same each time', async () => {
    const many = Array.from({ length: 50 }, (_, i) => of(toneWav({ seconds: 0.1 + i / 100 })));
    const [first, second, other] = await Promise.all(
      [0, 0, 1].map((seed) => measureRecordings(many, { most: 8, seed })),
    );
    expect([first!.recordings, first!.measured, first!.seconds.length]).toEqual([50, 8, 8]);
    expect(second).toEqual(first);
    expect(other!.seconds).not.toEqual(first!.seconds);
  });
});
