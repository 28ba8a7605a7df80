/** Small CLAPs of the other families, of random weights. */
import type { NdArray } from '@pengi/core';
import { collectIds, createGpt2Tokenizer } from '@pengi/gpt2';
import { ALPHABET } from '../clip-tokenizer-tables.js';
import type { MsclapConfig, TransformersClapConfig } from '../config.js';
import { type MsclapParams, msclapSpec } from '../params.js';
import { type TransformersClapParams, transformersClapSpec } from '../transformers-params.js';
import { LABELS, movedParams, TINY } from './tiny.js';

/** Texts that the small msclap has words for. */
export const TEXTS = [...LABELS.map((label) => `this is a sound of ${label}`), 'a bell! a dog', '!! rain'];

const keptIds = collectIds(createGpt2Tokenizer({ padQuirk: true }), [
  ...TEXTS,
  ...TEXTS.map((text) => `${text} <|endoftext|>`),
]);

const { frontend, audio, embedding } = TINY;

export const TINY_MSCLAP: MsclapConfig = {
  model: 'clap',
  family: 'msclap',
  frontend,
  audio,
  text: {
    gpt2: {
      vocabularySize: keptIds.length,
      positions: 16,
      width: 8,
      layers: 2,
      heads: 2,
      dropout: 0,
      keptIds,
      splitDigits: false,
    },
    promptLength: 12,
  },
  embedding,
  projectionDropout: 0.5,
};

export function tinyMsclapParams(seed: number): MsclapParams<NdArray<'float32'>> {
  return movedParams(msclapSpec(TINY_MSCLAP), seed);
}

/** How GPT-2 and RoBERTa write the blank before a word. */
const BLANK = 'Ġ';

/** Start, padding, end, unknown, then the bytes, and what the merges give. */
const TOKENS = [
  ...['<s>', '<pad>', '</s>', '<unk>'],
  ...ALPHABET,
  ...[`${BLANK}a`, 'do', 'dog', 'ra', 'in', 'rain', `${BLANK}rain`, `${BLANK}d`],
  '<mask>',
];

const MERGES = [`${BLANK} a`, 'd o', 'do g', 'r a', 'i n', 'ra in', `${BLANK} rain`, `${BLANK} d`];

/** A tokenizer.json of RoBERTa's kind. */
export const TOKENIZER_JSON = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: ['<s>', '<pad>', '</s>', '<unk>', '<mask>'].map((content) => ({
    id: TOKENS.indexOf(content),
    content,
    single_word: false,
    lstrip: content === '<mask>',
    rstrip: false,
    normalized: false,
    special: true,
  })),
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true },
  post_processor: {
    type: 'RobertaProcessing',
    sep: ['</s>', 2],
    cls: ['<s>', 0],
    trim_offsets: true,
    add_prefix_space: false,
  },
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true },
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: '',
    end_of_word_suffix: '',
    fuse_unk: false,
    vocab: Object.fromEntries(TOKENS.map((token, id) => [token, id])),
    merges: MERGES,
  },
};

/** The ids of tokens of `TOKENIZER_JSON`. */
export const idsOf = (...tokens: string[]) => tokens.map((token) => TOKENS.indexOf(token));

export const TINY_TRANSFORMERS: TransformersClapConfig = {
  model: 'clap',
  family: 'transformers',
  frontend,
  audio,
  text: {
    vocabularySize: TOKENS.length,
    positions: 20,
    width: 8,
    hidden: 12,
    layers: 2,
    heads: 2,
    tokenTypes: 1,
    pad: 1,
    epsilon: 1e-6,
    promptLength: 10,
  },
  embedding: 6,
};

export function tinyTransformersParams(seed: number): TransformersClapParams<NdArray<'float32'>> {
  return movedParams(transformersClapSpec(TINY_TRANSFORMERS), seed);
}
