import { floats, ints, type Leaf, type NdArray, PengiError, type Tree, zeros } from '@pengi/core';
import { describe, expect, it } from 'vitest';
import {
  type MergeOptions,
  mergeParameters,
  parseSafetensors,
  stripCommonPrefix,
  type TensorSource,
} from './index.js';
import { craft, entry } from './testing/craft.js';

const leaf = (...shape: number[]) => ({ shape, init: 'zeros' });
const array = (...shape: number[]) => zeros('float32', shape);
const gpt = { transformer: { wte: { weight: leaf(5, 2) }, h: [{ bias: leaf(2) }] } };
const tied = { ties: { 'lm_head.weight': 'transformer.wte.weight' } };

describe('mergeParameters', () => {
  it('gives the arrays in the structure of the spec, typed by it', () => {
    const wte = array(5, 2);
    const bias = array(2);
    const merged = mergeParameters(gpt, { 'transformer.h.0.bias': bias, 'transformer.wte.weight': wte });
    const typed: { transformer: { wte: { weight: NdArray }; h: { bias: NdArray }[] } } = merged;
    expect(typed.transformer.wte.weight).toBe(wte);
    expect(typed.transformer.h[0]?.bias).toBe(bias);
    expect(Object.keys(merged)).toEqual(['transformer']);
  });

  it('reads a file', () => {
    const file = parseSafetensors(craft({ w: entry('F16', [2], 0, 4) }, new Uint8Array([0, 0x3c, 0, 0xc0])));
    expect(mergeParameters({ w: leaf(2) }, file)).toEqual({ w: floats([1, -2]) });
  });

  it('lists everything that is missing, extra or of another shape in one error', () => {
    const spec = {
      a: leaf(),
      b: { c: leaf(64) },
      d: leaf(384, 128),
      steps: { ...leaf(1), dtype: 'int32' as const },
    };
    const arrays = { d: array(288, 96), e: array(3), b: array(64), steps: array(1) };
    expect(failure(spec, arrays, { where: 'config "htsat-tiny"' })).toMatchObject({
      code: 'E_WEIGHTS',
      message: [
        'the weights do not fit config "htsat-tiny": 2 missing, 2 extra, 2 of another shape',
        '  - a []',
        '  - b.c [64]',
        '  + e [3]',
        '  + b [64]',
        '  ~ d: file has [288,96], model wants [384,128]',
        '  ~ steps: file has float32 [1], model wants int32 [1]',
      ].join('\n'),
    });
  });

  it('lists ten of a kind and counts the rest', () => {
    const spec = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`w${i}`, leaf(1)]));
    const lines = failure(spec, { x: array(1) }).message.split('\n');
    expect(lines[0]).toBe('the weights do not fit this config: 12 missing, 1 extra');
    expect(lines.slice(10)).toEqual(['  - w9 [1]', '  - … and 2 more missing', '  + x [1]']);
  });

  it('names the file and keeps its names printable', () => {
    const file = {
      ...parseSafetensors(craft({ 'w\u001b': entry('F32', [0], 0, 0) })),
      path: 'a.safetensors',
    };
    const error = failure({ w: leaf(0) }, file);
    expect(error.file).toBe('a.safetensors');
    expect(error.message).toContain('  + w\\u001b [0]');
  });

  it('refuses a dtype that has no array type before it reads', () => {
    const file = parseSafetensors(craft({ w: entry('F8_E4M3', [1], 0, 1) }, 1));
    expect(failure({ w: leaf(1) }, file).message).toContain(
      '~ w: file has F8_E4M3 [1], model wants float32 [1]',
    );
  });

  it('renames, leaves out, and refuses two names for one parameter', () => {
    const arrays = { 'old.w': array(1), mask: array(4) };
    const rename = (name: string) => (name === 'mask' ? null : name.replace('old.', ''));
    expect(mergeParameters({ w: leaf(1) }, arrays, { rename })).toEqual({ w: arrays['old.w'] });
    expect(failure({ w: leaf(1) }, { ...arrays, w: array(1) }, { rename }).message).toContain(
      '~ w: file has both old.w and w',
    );
  });

  it('ignores by pattern what the spec does not want, and nothing that it wants', () => {
    const arrays = { 'h.0.attn.bias': array(1), 'h.1.attn.bias': ints([1]), bn0: array(1) };
    const options = { ignore: ['**.attn.bias', 'bn0'] };
    expect(mergeParameters({ h: [{ attn: { bias: leaf(1) } }] }, arrays, options)).toEqual({
      h: [{ attn: { bias: arrays['h.0.attn.bias'] } }],
    });
    expect(failure({ bn0: leaf(1) }, { 'h.0.attn.bias': array(1) }, options).message).toContain('- bn0 [1]');
  });

  describe('with a tied name', () => {
    const wte = array(5, 2);
    const head = array(5, 2);
    const rest = { 'transformer.h.0.bias': array(2) };

    it.each([
      ['absent', { 'transformer.wte.weight': wte }, wte],
      ['equal in shape', { 'transformer.wte.weight': wte, 'lm_head.weight': head }, wte],
      ['the only one there', { 'lm_head.weight': head }, head],
    ])('%s, takes the array', (_, arrays, expected) => {
      const merged = mergeParameters(gpt, { ...rest, ...arrays }, tied);
      expect(merged.transformer.wte.weight).toBe(expected);
    });

    it('of another shape, refuses', () => {
      const arrays = { ...rest, 'transformer.wte.weight': wte, 'lm_head.weight': array(4, 2) };
      expect(failure(gpt, arrays, tied).message).toContain(
        '~ lm_head.weight: file has [4,2], model wants [5,2]',
      );
    });

    it('that the spec has too, fills both from one', () => {
      const spec = { ...gpt, lm_head: { weight: leaf(5, 2) } };
      const merged = mergeParameters(spec, { ...rest, 'transformer.wte.weight': wte }, tied);
      expect(merged.lm_head.weight).toBe(wte);
      const both = { ...rest, 'transformer.wte.weight': wte, 'lm_head.weight': head };
      expect(mergeParameters(spec, both, tied).lm_head.weight).toBe(head);
    });
  });
});

describe('stripCommonPrefix', () => {
  it('takes the prefix off when all names have it, and only then', () => {
    expect(['module.a', 'module.b.c'].map(stripCommonPrefix(['module.a', 'module.b.c']))).toEqual([
      'a',
      'b.c',
    ]);
    expect(['module.a', 'b'].map(stripCommonPrefix(['module.a', 'b']))).toEqual(['module.a', 'b']);
    expect(stripCommonPrefix([], 'transformer.')('transformer.h')).toBe('transformer.h');
  });
});

function failure<T>(
  spec: T & Tree<Leaf>,
  source: TensorSource | Record<string, NdArray>,
  options?: MergeOptions,
): PengiError {
  try {
    mergeParameters(spec, source, options);
  } catch (error) {
    if (error instanceof PengiError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
