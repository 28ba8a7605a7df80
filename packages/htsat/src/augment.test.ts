import { createRng, floats, ints, type NdArray } from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import { keysFrom } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { mixUp, mixUpShares, specAugment } from './augment.js';
import { randomArray } from './testing/tiny.js';

let engine: Engine;
beforeAll(async () => {
  engine = await createEngine('jit', { threads: 1 });
});

const [B, T, M] = [60, 300, 40];
const x = floats(
  randomArray(createRng(1), [B, T, M]).data.map((value) => value + 10),
  [B, T, M],
);

async function augmented(seeds: readonly number[], array = x): Promise<NdArray> {
  const program = engine.compile(
    (_none: object, x: Tensor, seeds: Tensor) => specAugment(x, keysFrom(seeds)),
    {},
  );
  return program.run(array, ints(seeds));
}

/** Which frames and bands of clip b are 0 throughout. */
function stripes({ data, shape }: NdArray, b: number): { frames: boolean[]; bands: boolean[] } {
  const [, frames, bands] = shape as [number, number, number];
  const at = (t: number, m: number) => Number(data[(b * frames + t) * bands + m]);
  const every = (n: number, test: (i: number) => boolean) =>
    Array.from({ length: n }, (_, i) => i).every(test);
  return {
    frames: Array.from({ length: frames }, (_, t) => every(bands, (m) => at(t, m) === 0)),
    bands: Array.from({ length: bands }, (_, m) => every(frames, (t) => at(t, m) === 0)),
  };
}

/** Lengths of the runs of `true`. */
function runs(flags: readonly boolean[]): number[] {
  const text = flags.map((flag) => (flag ? '1' : '0')).join('');
  return (text.match(/1+/g) ?? []).map((run) => run.length);
}

const seeds = Array.from({ length: B }, (_, b) => b + 100);

describe('SpecAugment', () => {
  it('sets whole frames and bands to 0 and leaves the rest as it is', async () => {
    const y = await augmented(seeds);
    for (let b = 0; b < B; b++) {
      const { frames, bands } = stripes(y, b);
      for (let t = 0; t < T; t++)
        for (let m = 0; m < M; m++) {
          const i = (b * T + t) * M + m;
          if (y.data[i] !== (frames[t] || bands[m] ? 0 : x.data[i]))
            expect.fail(`clip ${b}, frame ${t}, band ${m}`);
        }
    }
  });

  it('makes at most two stripes of less than 64 frames and two of less than 8 bands', async () => {
    const y = await augmented(seeds);
    const all = seeds.map((_, b) => stripes(y, b));
    const widths = (kind: 'frames' | 'bands', limit: number) =>
      all.flatMap((clip) => {
        const found = runs(clip[kind]);
        expect(found.length).toBeLessThanOrEqual(2);
        // Two that touch or overlap look like one.
        for (const width of found) expect(width).toBeLessThan(found.length === 2 ? limit : 2 * limit - 1);
        return found.length === 2 ? found : [];
      });
    const [frames, bands] = [widths('frames', 64), widths('bands', 8)];
    expect(Math.min(...frames)).toBeLessThan(5);
    expect(Math.max(...frames)).toBeGreaterThan(58);
    expect([Math.min(...bands), Math.max(...bands)]).toEqual([1, 7]);
  });

  it('reaches from the first band to the last but one, as in the reference', async () => {
    const y = await augmented(seeds);
    const dropped = (band: number) => seeds.some((_, b) => stripes(y, b).bands[band]);
    expect([0, 1, M - 2, M - 1].map(dropped)).toEqual([true, true, true, false]);
  });

  it('gives each clip the stripes of its own seed', async () => {
    const y = await augmented(seeds);
    const texts = seeds.map((_, b) => JSON.stringify(stripes(y, b)));
    expect(new Set(texts).size).toBe(B);
    const others = await augmented(seeds.map((seed, b) => (b === 3 ? 7 : seed)));
    expect(seeds.flatMap((_, b) => (JSON.stringify(stripes(others, b)) === texts[b] ? [] : [b]))).toEqual([
      3,
    ]);
  });

  it('leaves something of inputs that are smaller than a stripe may be', async () => {
    const small = floats(new Float32Array(B * 3 * 2).fill(1), [B, 3, 2]);
    const y = await augmented(seeds, small);
    expect(y.data.some((value) => value === 1)).toBe(true);
    expect(y.data.every((value) => value === 0 || value === 1)).toBe(true);
  });
});

describe('mix-up', () => {
  it('keeps a share of each clip and takes the rest from its neighbour', async () => {
    const program = engine.compile((_none: object, x: Tensor, share: Tensor) => mixUp(x, share), {});
    const clips = floats([1, 2, 10, 20, 100, 200, 1000, 2000], [4, 2]);
    const { data, shape } = await program.run(clips, floats([0.75, 0.75, 1, 0]));
    expect(shape).toEqual([4, 2]);
    expect([...data]).toEqual([
      ...[0.75 * 1 + 0.25 * 10, 0.75 * 2 + 0.25 * 20],
      ...[0.75 * 10 + 0.25 * 1, 0.75 * 20 + 0.25 * 2],
      ...[100, 200, 100, 200],
    ]);
  });

  const shares = async (seeds: readonly number[]) => {
    const program = engine.compile((_none: object, seeds: Tensor) => mixUpShares(keysFrom(seeds)), {});
    return [...(await program.run(ints(seeds))).data].map(Number);
  };

  it('draws one share for a pair, from the seed of its first clip', async () => {
    const found = await shares([1, 2, 3, 4]);
    expect(found[0]).toBe(found[1]);
    expect(found[2]).toBe(found[3]);
    expect(found[0]).not.toBe(found[2]);
    expect(await shares([1, 7, 3, 7])).toEqual(found);
    // A part of the batch has the shares that it has in the whole.
    expect(await shares([3, 4])).toEqual(found.slice(2));
  });

  it('draws shares from Beta(1/2, 1/2)', async () => {
    const pairs = 4000;
    const found = (await shares(Array.from({ length: 2 * pairs }, (_, b) => b))).filter(
      (_, b) => b % 2 === 0,
    );
    // The arcsine distribution: P(X <= x) = 2/π · arcsin(√x). Four standard deviations.
    for (const x of [0.05, 0.25, 0.5, 0.9]) {
      const p = (2 / Math.PI) * Math.asin(Math.sqrt(x));
      const below = found.filter((share) => share <= x).length;
      expect(Math.abs(below - p * pairs), `${x}`).toBeLessThan(4 * Math.sqrt(pairs * p * (1 - p)));
    }
    expect(Math.min(...found)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...found)).toBeLessThanOrEqual(1);
  });

  it('refuses an odd number of clips', async () => {
    await expect(shares([1, 2, 3])).rejects.toMatchObject({
      code: 'E_SHAPE',
      message: expect.stringContaining('in pairs, found 3'),
    });
  });
});
