import { describe, expect, it } from 'vitest';
import {
  createRng,
  ERROR_CODES,
  flatten,
  floats,
  fmix32,
  fnv1a,
  isPengiError,
  leaves,
  mapTree,
  ndarray,
  PengiError,
  pathMatcher,
  printable,
  validate,
} from './index.js';

describe('errors', () => {
  it('says code, file, message and hint on one line', () => {
    const error = new PengiError('E_AUDIO_EMPTY', 'holds no\nsamples', {
      file: 'a.wav',
      hint: 'record again',
    });
    expect(error.line).toBe('E_AUDIO_EMPTY a.wav: holds no samples; record again');
    expect(error.exitCode).toBe(65);
  });

  it('is recognised across copies of the package', () => {
    expect(isPengiError(Object.assign(new Error('x'), { [Symbol.for('pengi.error')]: true }))).toBe(true);
    expect(isPengiError(new Error('x'))).toBe(false);
  });

  it('escapes what could rewrite a terminal line and cuts long names', () => {
    expect(printable('a\u001b[31m\u202eb')).toBe('a\\u001b[31m\\u202eb');
    expect(printable('x'.repeat(300))).toHaveLength(200);
  });

  it('gives every code an exit status of the sysexits table', () => {
    for (const { exit } of Object.values(ERROR_CODES))
      expect([2, 65, 66, 70, 73, 74, 75, 130, 143]).toContain(exit);
  });

  it('names each wrong field of a config', () => {
    const schema = {
      safeParse: () => ({
        success: false as const,
        error: {
          issues: [
            { path: ['train', 'steps'], message: 'expected a number' },
            { path: [], message: 'unknown key "x"' },
          ],
        },
      }),
    };
    expect(() => validate(schema, {})).toThrow('train.steps: expected a number; unknown key "x"');
  });
});

describe('arrays and trees', () => {
  it('refuses data that does not fill the shape', () => {
    expect(() => ndarray('float32', [2, 3], new Float32Array(5))).toThrow(
      /5 values do not fill the shape \[2, 3\]/,
    );
  });

  it('names leaves by their path and leaves out what is undefined', () => {
    const tree = { h: [{ w: floats([1]), b: undefined }, { w: floats([2]) }], out: floats([3]) };
    expect(leaves(tree).map(([path, leaf]) => [path, leaf.data[0]])).toEqual([
      ['h.0.w', 1],
      ['h.1.w', 2],
      ['out', 3],
    ]);
    expect(Object.keys(flatten(mapTree(tree, (leaf) => leaf)))).toEqual(['h.0.w', 'h.1.w', 'out']);
  });

  it('keeps the structure when mapping', () => {
    const doubled = mapTree(
      { a: [floats([1]), floats([2])] },
      (x: { shape: readonly number[]; data: Float32Array }) => floats([x.data[0]! * 2]),
    );
    expect(doubled.a.map((x) => x.data[0])).toEqual([2, 4]);
  });

  it('matches paths by key, with everything below', () => {
    const frozen = pathMatcher(['caption_decoder.gpt', '**.norm.*', 'layers.*.bias']);
    expect(frozen('caption_decoder.gpt.transformer.wte.weight')).toBe(true);
    expect(frozen('caption_decoder.gpt2')).toBe(false);
    expect(frozen('a.b.norm.weight')).toBe(true);
    expect(frozen('layers.3.bias')).toBe(true);
    expect(frozen('layers.3.attn.bias')).toBe(false);
  });
});

describe('randomness', () => {
  it('agrees with the published vectors of FNV-1a and murmur3', () => {
    expect(fnv1a('')).toBe(0x811c9dc5);
    expect(fnv1a('foobar')).toBe(0xbf9cf968);
    expect(fmix32(1)).toBe(0x514e28b7); // murmur3 fmix32, as in the SMHasher sources
  });

  it('continues from a stored state', () => {
    const rng = createRng(7);
    rng.uniform();
    const resumed = createRng(rng.state());
    expect([resumed.uniform(), resumed.int(1000), resumed.normal()]).toEqual([
      rng.uniform(),
      rng.int(1000),
      rng.normal(),
    ]);
  });

  it('is uniform enough: mean and variance of 20,000 draws', () => {
    const rng = createRng(1);
    const draws = Array.from({ length: 20_000 }, () => rng.uniform());
    const mean = draws.reduce((a, b) => a + b) / draws.length;
    const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.01); // five standard errors
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.003);
  });

  it('shuffles to a permutation that depends on the seed', () => {
    const items = Array.from({ length: 50 }, (_, i) => i);
    const a = createRng(1).shuffle(items);
    expect([...a].sort((x, y) => x - y)).toEqual(items);
    expect(a).not.toEqual(createRng(2).shuffle(items));
    expect(a).toEqual(createRng(1).shuffle(items));
  });

  it('forks streams that differ by label and leave the parent alone', () => {
    const rng = createRng(1);
    const before = rng.state();
    expect(rng.fork('a').uniform()).not.toBe(rng.fork('b').uniform());
    expect(rng.state()).toEqual(before);
  });
});
