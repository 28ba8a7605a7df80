import { floats, type NdArray } from '@pengi/core';
import type { Program } from '@pengi/jit';
import { describe, expect, it } from 'vitest';
import { type TextTokenizer, textEncoderOf } from './encoders.js';

/** The first two letters' codes. */
const tokenizer: TextTokenizer = {
  encodePrompt: (text) => ({
    ids: Int32Array.of(text.charCodeAt(0), text.charCodeAt(1)),
    truncated: text.length > 2,
  }),
};

/** A tower that gives the codes as they are, and notes the batches it is run with. */
function tower() {
  const batches: string[] = [];
  const program: Program<[NdArray], NdArray> = {
    graphs: 0,
    async run(ids) {
      const { data, shape } = ids as NdArray;
      batches.push(String.fromCharCode(...data));
      return floats(Float32Array.from(data), shape) as never;
    },
    dispose: async () => undefined,
  };
  return { batches, encoder: textEncoderOf(program as never, 2, tokenizer, { promptLength: 2 }) };
}

const said = ({ data, shape }: NdArray) => [String.fromCharCode(...data), shape];

describe('a text encoder', () => {
  it('computes each text once, within a call and over calls, and gives all in their order', async () => {
    const { batches, encoder } = tower();
    expect(said(await encoder.embed(['ab', 'cd', 'ab', 'ef']))).toEqual(['abcdabef', [4, 2]]);
    expect(said(await encoder.embed(['ef', 'gh', 'ab']))).toEqual(['efghab', [3, 2]]);
    expect(said(await encoder.embed(['cd']))).toEqual(['cd', [1, 2]]);
    expect(batches).toEqual(['abcdef', 'gh']);
  });

  it('warns of cut texts that it remembers, too', async () => {
    const { encoder } = tower();
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    await encoder.embed(['abc'], { warn });
    await encoder.embed(['abc'], { warn });
    expect(warnings).toHaveLength(2);
  });

  it('gives arrays of its own, which may be changed', async () => {
    const { encoder } = tower();
    (await encoder.embed(['ab'])).data.fill(0);
    expect(said(await encoder.embed(['ab']))).toEqual(['ab', [1, 2]]);
  });

  it('forgets the texts that were not asked for longest', async () => {
    const { batches, encoder } = tower();
    const many = Array.from({ length: 4096 }, (_, i) =>
      String.fromCharCode(1000 + (i >> 6), 1000 + (i & 63)),
    );
    await encoder.embed(['ab', 'cd']);
    await encoder.embed(['ab']);
    await encoder.embed(many.slice(1));
    batches.length = 0;
    await encoder.embed(['ab']);
    expect(batches).toEqual([]);
    await encoder.embed(['cd']);
    expect(batches).toEqual(['cd']);
  });
});
