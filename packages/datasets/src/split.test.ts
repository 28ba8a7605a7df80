import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitByRecording } from './split.js';
import { failure } from './testing/files.js';

interface Note {
  readonly audio: string;
  readonly instrument: string;
}

function notes(counts: readonly number[]): Note[] {
  return counts.flatMap((count, i) =>
    Array.from({ length: count }, (_, n) => ({ audio: `${i}/${n}.mp3`, instrument: `instrument ${i}` })),
  );
}

const audios = (side: readonly Note[]) => side.map(({ audio }) => audio);
const counts = fc.array(fc.integer({ min: 2, max: 40 }), { minLength: 1, maxLength: 8 });

describe('splitByRecording', () => {
  it('puts every note on one side, and a fifth of each instrument, at least one, into the held-out one', () => {
    fc.assert(
      fc.property(counts, fc.nat(), (sizes, seed) => {
        const all = notes(sizes);
        const { train, heldOut } = splitByRecording(all, { seed });
        expect([...audios(train), ...audios(heldOut)].sort()).toEqual(audios(all).sort());
        sizes.forEach((size, i) => {
          const held = heldOut.filter(({ instrument }) => instrument === `instrument ${i}`).length;
          expect(held).toBe(Math.max(1, Math.round(size / 5)));
        });
      }),
      { seed: 1 },
    );
  });

  it('depends on the seed and not on the order', () => {
    fc.assert(
      fc.property(counts, fc.nat(), (sizes, seed) => {
        const all = notes(sizes);
        const forward = splitByRecording(all, { seed });
        const backward = splitByRecording(all.toReversed(), { seed });
        expect(audios(backward.heldOut)).toEqual(audios(forward.heldOut).reverse());
      }),
      { seed: 2 },
    );
    const all = notes([40, 40]);
    const splits = new Set(
      [0, 1, 2, 3].map((seed) => audios(splitByRecording(all, { seed }).heldOut).join()),
    );
    expect(splits.size).toBe(4);
  });

  it('does not move other notes when an instrument is added', () => {
    const some = splitByRecording(notes([20, 10]), { seed: 1 });
    const more = splitByRecording(notes([20, 10, 30]), { seed: 1 });
    expect(audios(more.heldOut).slice(0, 6)).toEqual(audios(some.heldOut));
  });

  it('keeps several notes of one recording together', () => {
    const all = notes([10]).flatMap((note) => [
      { ...note, from: 0 },
      { ...note, from: 1 },
    ]);
    const { train, heldOut } = splitByRecording(all, { seed: 1 });
    expect(heldOut).toHaveLength(4);
    expect(audios(heldOut).filter((audio) => audios(train).includes(audio))).toEqual([]);
  });

  it('leaves one for training however much is to be held out', () => {
    expect(splitByRecording(notes([2, 3]), { seed: 1, heldOut: 0.99 }).train).toHaveLength(2);
  });

  it('refuses an instrument with one recording, and shares that are none', async () => {
    expect(await failure(() => splitByRecording(notes([5, 1]), { seed: 1 }))).toMatchObject({
      code: 'E_DATA',
    });
    for (const heldOut of [0, 1, -0.1, Number.NaN])
      expect(await failure(() => splitByRecording(notes([5]), { seed: 1, heldOut }))).toMatchObject({
        code: 'E_USAGE',
      });
  });
});
