import { clapSpec } from '@pengi/clap';
import type { NdArray } from '@pengi/core';
import { createGpt2Tokenizer, gpt2Spec } from '@pengi/gpt2';
import { initParams } from '@pengi/nn';
import { type PengiConfig, pengiSpec, pengiTokenizer } from 'pengi';
import { describe, expect, it } from 'vitest';
import { TINY } from '../testing/models.js';
import { taughtClap, taughtLanguage, taughtPengi } from './new-words.js';

const texts = { prompts: ['which instrument is it?'], answers: ['a violin', 'a dog'] };

/** Of each known token the row of its embedding, as text. */
function rows({ weight }: { weight: NdArray }, ids: readonly number[] | null): Map<number, string> {
  const width = weight.shape[1] as number;
  const data = weight.data as Float32Array;
  return new Map(ids?.map((id, row) => [id, data.slice(row * width, (row + 1) * width).join()]));
}

describe('a model of few words', () => {
  it('keeps the embeddings of the words that it knows, and has some for those that are new', () => {
    const params = initParams(gpt2Spec(TINY.pengi.gpt2), 1);
    const {
      config,
      added,
      learnt,
      params: now,
    } = taughtLanguage({ config: TINY.pengi.gpt2, params }, texts, 2);
    const [before, after] = [rows(params.wte, TINY.pengi.gpt2.keptIds), rows(now.wte, config.keptIds)];
    expect(added).toBeGreaterThan(0);
    expect(after.size).toBe(before.size + added);
    for (const [id, row] of before) expect(after.get(id)).toBe(row);
    for (const id of createGpt2Tokenizer({ padQuirk: true, splitDigits: true }).encode('a violin'))
      expect(after.has(id)).toBe(true);
    expect(now.h).toEqual(params.h);
    expect(learnt).toEqual(['wte.weight']);
    expect(pengiTokenizer(config).encode('a violin').length).toBeGreaterThan(1);
    expect(() => pengiTokenizer(TINY.pengi.gpt2).encode('a violin')).toThrow('violin');
  });

  it('that knows all of them stays as it is', () => {
    const config = TINY.clap;
    const params = initParams(clapSpec(config), 1);
    const known = { prompts: ['this is a sound of dog'], answers: ['cat'] };
    expect(taughtClap({ config, params }, known, 2)).toEqual({ config, params, added: 0, learnt: [] });
    expect(taughtClap({ config, params }, texts, 2).learnt).toEqual([
      'caption_encoder.base.embeddings.token_embedding.weight',
    ]);
  });

  it('without a text tower learns the prompts as well', () => {
    const { inputs: _, ...mapper } = TINY.pengi.promptMapper as { inputs: number };
    const promptMapper = { ...mapper, kind: 'sequence' } as PengiConfig['promptMapper'];
    const config: PengiConfig = { ...TINY.pengi, text: null, promptMapper };
    const params = initParams(pengiSpec(config), 1);
    const taught = taughtPengi({ config, params }, texts, 2);
    expect(taught.learnt).toEqual(['caption_decoder.gpt.transformer.wte.weight']);
    expect(() => pengiTokenizer(taught.config.gpt2).encode(texts.prompts[0]!)).not.toThrow();
  });
});
