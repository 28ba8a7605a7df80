import type { NdArray } from '@pengi/core';
import type { Engine } from '@pengi/jit';
import { describe, expect, it } from 'vitest';
import { createPromptHalves, promptTokenizer } from './prompts.js';
import { BASE, LONG_PROMPT, NO_TEXT_ENCODER, paramsOf, SMALL } from './testing/models.js';

describe('prompts', () => {
  it('are what CLIP reads: 40 ids from start to end, the rest filled with ends', () => {
    const { ids, truncated } = promptTokenizer(BASE)('this is a sound of');
    const [start, end] = [BASE.text!.vocabularySize - 2, BASE.text!.vocabularySize - 1];
    expect(ids).toHaveLength(40);
    expect([ids[0], ids[6], truncated]).toEqual([start, end, false]);
    expect([...ids.subarray(6)]).toEqual(Array(34).fill(end));
  });

  it('are what GPT-2 reads where there is no text encoder: up to an end mark, the rest filled with "!"', () => {
    const { ids, truncated } = promptTokenizer(NO_TEXT_ENCODER)('this is a sound of');
    const { keptIds } = NO_TEXT_ENCODER.gpt2;
    expect(ids).toHaveLength(40);
    expect(truncated).toBe(false);
    expect([...ids].map((id) => keptIds![id]).slice(5)).toEqual([220, 50256, ...Array(33).fill(0)]);
  });

  it.each([
    ['CLIP', BASE],
    ['GPT-2', NO_TEXT_ENCODER],
  ])('are cut to what fits (%s)', (_name, config) => {
    const { ids, truncated } = promptTokenizer(config)(LONG_PROMPT);
    expect([ids.length, truncated]).toEqual([40, true]);
    const shorter = promptTokenizer(config)(LONG_PROMPT.slice(0, -23));
    expect(ids).toEqual(shorter.ids);
  });

  it.each(['', ' ', undefined as unknown as string])('cannot be %j', (prompt) => {
    expect(() => promptTokenizer(SMALL.pengi)(prompt)).toThrow(expect.objectContaining({ code: 'E_TEXT' }));
  });
});

describe('what is remembered of prompts', () => {
  /** Counts what is computed, and fails where it is told to. */
  function counting() {
    const state = { calls: 0, failing: false };
    const run = async (): Promise<NdArray> => {
      state.calls++;
      if (state.failing) throw new Error('no');
      return { dtype: 'float32', shape: [1, 1, 1], data: new Float32Array(1) };
    };
    const engine = { compile: () => ({ run, dispose: async () => {} }) } as unknown as Engine;
    const halves = createPromptHalves(paramsOf(BASE), BASE, engine);
    return { state, halves };
  }

  it('is computed once, also when it is asked for at the same time', async () => {
    const { state, halves } = counting();
    await Promise.all([halves.of(['a dog', 'a cat', 'a dog']), halves.of(['a cat'])]);
    await halves.of(['a dog']);
    expect(state.calls).toBe(2);
  });

  it('is no failure', async () => {
    const { state, halves } = counting();
    state.failing = true;
    await expect(halves.of(['a dog'])).rejects.toThrow('no');
    state.failing = false;
    expect(await halves.of(['a dog'])).toHaveLength(1);
  });

  it('is limited to the 256 that were used last', async () => {
    const { state, halves } = counting();
    const prompts = Array.from({ length: 256 }, (_, i) => `a dog${' '.repeat(i)}`);
    await halves.of(prompts);
    await halves.of([prompts[0]!, 'a cat']); // prompts[1] has to go
    expect(state.calls).toBe(257);
    await halves.of([prompts[0]!, prompts[2]!, 'a cat']);
    expect(state.calls).toBe(257);
    await halves.of([prompts[1]!]);
    expect(state.calls).toBe(258);
  });
});
