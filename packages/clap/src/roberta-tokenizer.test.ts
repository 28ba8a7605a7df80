import { isPengiError } from '@pengi/core';
import { describe, expect, it } from 'vitest';
import { robertaTokenizer } from './roberta-tokenizer.js';
import { idsOf, TINY_TRANSFORMERS, TOKENIZER_JSON } from './testing/families.js';

const { text: config } = TINY_TRANSFORMERS;
const tokenizer = robertaTokenizer(TOKENIZER_JSON, config);
const encode = (text: string, length = 8) => [...tokenizer.encodePrompt(text, length).ids];
const PAD = config.pad;

describe('the tokenizer of a tokenizer.json', () => {
  it.each<[string, string[]]>([
    ['', []],
    ['dog', ['dog']],
    // The first of the list is merged first: d and o, so that the blank and d never meet.
    ['a dog', ['a', 'Ġ', 'dog']],
    ['dog rain', ['dog', 'Ġrain']],
    ['it', ['i', 't']],
    ['é', ['Ã', '©']],
    ['a<mask>', ['a', '<mask>']],
  ])('merges bytes between start and end: %j', (text, tokens) => {
    const ids = idsOf('<s>', ...tokens, '</s>');
    expect(encode(text)).toEqual([...ids, ...Array(8 - ids.length).fill(PAD)]);
  });

  it('cuts before the end, and says so', () => {
    expect(encode('dogdogdog', 3)).toEqual(idsOf('<s>', 'dog', '</s>'));
    expect(tokenizer.encodePrompt('dogdogdog', 3).truncated).toBe(true);
    expect(tokenizer.encodePrompt('dog', 3).truncated).toBe(false);
  });

  it('takes merges as pairs and a model without a type as well', () => {
    const { type: _type, merges, ...model } = TOKENIZER_JSON.model;
    const pairs = merges.map((merge) => merge.split(' '));
    const other = robertaTokenizer({ ...TOKENIZER_JSON, model: { ...model, merges: pairs } }, config);
    expect([...other.encodePrompt('dog rain', 8).ids]).toEqual(encode('dog rain'));
  });

  it.each([
    ['what is no string', 7],
    ['too long a text', 'a'.repeat(40_000)],
  ])('refuses %s', (_what, text) => {
    expect(() => tokenizer.encodePrompt(text as string, 8)).toThrow(
      expect.objectContaining({ code: 'E_TEXT' }),
    );
  });

  const { model, added_tokens } = TOKENIZER_JSON;
  const { z: _z, ...withoutZ } = model.vocab;
  it.each<[string, object | string, RegExp]>([
    ['nothing', 'no', /expected object/],
    ['another model', { model: { ...model, type: 'Unigram' } }, /^model\.type: /],
    [
      'a pattern of its own',
      { pre_tokenizer: { type: 'Split', pattern: { Regex: '(a+)+$' } } },
      /^pre_tokenizer\.type: /,
    ],
    ['a normaliser', { normalizer: { type: 'Replace', pattern: { Regex: 'a' } } }, /^normalizer: /],
    ['no end', { post_processor: { type: 'RobertaProcessing', cls: ['<s>', 0] } }, /^post_processor\.sep: /],
    [
      'another end',
      { post_processor: { ...TOKENIZER_JSON.post_processor, sep: ['</s>', 3] } },
      /^post_processor\.sep: "<\/s>" has another id$/,
    ],
    [
      'an id too large',
      { model: { ...model, vocab: { ...model.vocab, x: 999 } } },
      /^model\.vocab: id 999, but the text tower has \d+$/,
    ],
    [
      'an added id too large',
      { added_tokens: [...added_tokens, { id: 999, content: 'x' }] },
      /^model\.vocab: id 999/,
    ],
    ['an id twice', { model: { ...model, vocab: { ...model.vocab, x: 5 } } }, /two tokens have the same id$/],
    [
      'no token for a byte',
      { model: { ...model, vocab: withoutZ } },
      /^model\.vocab: the byte "z" is missing$/,
    ],
    ['a merge of unknown tokens', { model: { ...model, merges: ['é q'] } }, /^model\.merges: "éq" is not in/],
    ['a merge to no token', { model: { ...model, merges: ['g o'] } }, /^model\.merges: "go" is not in/],
    ['a merge of three', { model: { ...model, merges: ['d o g'] } }, /^model\.merges\.0: /],
  ])('is refused with %s', (_what, change, message) => {
    const json = typeof change === 'string' ? change : { ...TOKENIZER_JSON, ...change };
    try {
      robertaTokenizer(json, config, { file: 'tokenizer.json' });
    } catch (error) {
      if (!isPengiError(error)) throw error;
      expect(error).toMatchObject({ code: 'E_CONFIG', file: 'tokenizer.json' });
      expect(error.message).toMatch(message);
      return;
    }
    expect.unreachable();
  });
});
