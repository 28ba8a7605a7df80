import { checkText, createIdMap, PengiError, type TextPiece } from '@pengi/core';
import { BytePairEncodingCore } from 'gpt-tokenizer/BytePairEncodingCore';
import ranks from 'gpt-tokenizer/bpeRanks/r50k_base';

/** The id of `<|endoftext|>`. */
export const END_OF_TEXT = 50256;

/** The id of '!', with which the released models pad prompts on the right. */
export const PAD = 0;

/**
 * Where the beam search of the released models stops: the lone blank before the end marker. The reference takes
 * `encode(' <|endoftext|>')[0]`, and that text has two tokens, 220 and 50256. What a released model says therefore ends
 * in a blank, and any other lone blank (before a second blank, say) ends it as well.
 */
export const RELEASED_STOP = 220;

/** How many ids the wrapper's prompts have. */
export const PROMPT_LENGTH = 40;

/** GPT-2's byte-level BPE, or the part of it that a small model knows. Ids are 0 … vocabularySize-1. */
export interface Tokenizer {
  readonly vocabularySize: number;
  /** The ids of END_OF_TEXT, PAD and RELEASED_STOP in this vocabulary. */
  readonly endOfText: number;
  readonly pad: number;
  readonly releasedStop: number;
  /**
   * As GPT2TokenizerFast: `<|endoftext|>` within the text is the special token, everything else plain BPE; a lone
   * surrogate counts as U+FFFD.
   * @throws PengiError E_TEXT for what is no string, for more than 32 KiB, for words that a small vocabulary lacks
   */
  encode(text: string): number[];
  /** `encode` word by word, to see which part of a text became which ids. */
  pieces(text: string): TextPiece[];
  /**
   * The text of `ids`, special tokens included; bytes that are no UTF-8 become U+FFFD.
   * `cleanUp` takes away blanks before punctuation as transformers 4.28 does by default (so does the reference).
   * @throws PengiError E_TEXT for an id outside the vocabulary
   */
  decode(ids: Iterable<number>, options?: { cleanUp?: boolean }): string;
  /** The UTF-8 bytes of one token, perhaps not whole characters. @throws PengiError E_TEXT as `decode` */
  bytes(id: number): Uint8Array;
  /**
   * `text + ' <|endoftext|>'` as exactly `length` ids, as configuration `base_no_text_enc` has it (with `padQuirk`): cut
   * on the right, so that the end marker is missing, or padded there with `pad`, where the mask is 0.
   */
  encodePrompt(text: string, options?: { length?: number }): Prompt;
}

export interface Prompt {
  ids: Int32Array; // [length]
  mask: Int32Array; // [length]
  /** Whether something did not fit. */
  truncated: boolean;
}

export interface Gpt2TokenizerOptions {
  /**
   * Imitates the wrapper's `add_special_tokens({'pad_token': '!'})`: each '!' is cut out before BPE and becomes id 0,
   * so '!!' is 0, 0 rather than 3228.
   */
  padQuirk?: boolean;
  /** Each digit is a token of its own (the blank before a number stays with its first digit). Decoding is unchanged. */
  splitDigits?: boolean;
}

/** The tokenizer of GPT-2 (r50k, 50257 ids). Its tables are built on first use and shared. */
export function createGpt2Tokenizer(options: Gpt2TokenizerOptions = {}): Tokenizer {
  const special = options.padQuirk ? /(<\|endoftext\|>|!)/ : /(<\|endoftext\|>)/;
  const words = options.splitDigits ? WORDS_SPLIT_DIGITS : WORDS;
  return fromPieces({
    vocabularySize: END_OF_TEXT + 1,
    small: (id) => id,
    bytes: tokenBytes,
    pieces(text) {
      checkText(text);
      // With a group in the pattern, the odd parts are the special strings.
      return text.split(special).flatMap((part, i) => {
        if (i % 2 === 1) return [{ text: part, ids: [part === '!' ? PAD : END_OF_TEXT] }];
        return (part.match(words) ?? []).map((word) => ({ text: word, ids: bpe().encodeNative(word) }));
      });
    },
  });
}

/**
 * The tokenizer of a model that was trained with some of `base`'s ids only, renumbered 0 … n-1 in their order.
 * @param keptIds ascending ids of `base`, from `collectIds`; stored in the model's config.json
 * @throws PengiError E_CONFIG when they are not ascending ids or lack END_OF_TEXT, PAD or RELEASED_STOP
 */
export function createSubsetTokenizer(base: Tokenizer, keptIds: readonly number[]): Tokenizer {
  const map = createIdMap(keptIds, base.vocabularySize);
  return fromPieces({
    vocabularySize: map.size,
    small: map.small,
    bytes: (id) => base.bytes(map.toLarge(id)),
    pieces: (text) => map.toSmall(base.pieces(text)),
  });
}

/** The ids a small model needs for `texts` and for prompts and ends: unique, ascending. For `createSubsetTokenizer`. */
export function collectIds(base: Tokenizer, texts: Iterable<string>): number[] {
  const ids = new Set([base.pad, base.releasedStop, base.endOfText]);
  for (const text of texts) for (const id of base.encode(text)) ids.add(id);
  return [...ids].sort((a, b) => a - b);
}

/** Decoding of a text that arrives token by token. */
export interface StreamDecoder {
  /** The text that `id` completes: '' while a character's last bytes are still missing. */
  push(id: number): string;
  /** What was held back, as U+FFFD; the decoder can then be used for another text. */
  end(): string;
}

/** All that `push` and `end` return together is `tokenizer.decode` of the ids (without `cleanUp`, which would look ahead). */
export function createStreamDecoder(tokenizer: Tokenizer): StreamDecoder {
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  return {
    push: (id) => utf8.decode(tokenizer.bytes(id), { stream: true }),
    end: () => utf8.decode(),
  };
}

interface Vocabulary {
  vocabularySize: number;
  /** This vocabulary's id of an id of r50k. */
  small(id: number): number;
  bytes(id: number): Uint8Array;
  pieces(text: string): TextPiece[];
}

function fromPieces({ vocabularySize, small, bytes, pieces }: Vocabulary): Tokenizer {
  const encode = (text: string) => pieces(text).flatMap(({ ids }) => ids);
  const pad = small(PAD);
  return {
    vocabularySize,
    endOfText: small(END_OF_TEXT),
    pad,
    releasedStop: small(RELEASED_STOP),
    encode,
    pieces,
    bytes,
    decode(ids, { cleanUp = false } = {}) {
      const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(joined(Array.from(ids, bytes)));
      return cleanUp ? cleanUpBlanks(text) : text;
    },
    encodePrompt(text, { length = PROMPT_LENGTH } = {}) {
      checkText(text);
      const found = encode(`${text} <|endoftext|>`);
      const ids = new Int32Array(length).fill(pad);
      ids.set(found.slice(0, length));
      return { ids, mask: new Int32Array(length).fill(1, 0, found.length), truncated: found.length > length };
    },
  };
}

function cleanUpBlanks(text: string): string {
  return CLEAN_UP.reduce((cleaned, [found, instead]) => cleaned.replaceAll(found, instead), text);
}

/** transformers' `clean_up_tokenization`, in its order. */
const CLEAN_UP: readonly (readonly [string, string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

// gpt-tokenizer's own pattern has \s, which in JavaScript holds U+FEFF and lacks U+0085; the reference's \s is White_Space.
const WORDS =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
const WORDS_SPLIT_DIGITS = new RegExp(WORDS.source.replace('\\p{N}+', '\\p{N}'), 'gu');

let merger: BytePairEncodingCore | undefined;

/** gpt-tokenizer's BPE for single words; its `decode` keeps half characters from one call to the next, so ours is above. */
function bpe(): BytePairEncodingCore {
  merger ??= new BytePairEncodingCore({
    bytePairRankDecoder: ranks,
    tokenSplitRegex: /.+/gsu,
    mergeCacheSize: 4096,
  });
  return merger;
}

function tokenBytes(id: number): Uint8Array {
  const token = id === END_OF_TEXT ? '<|endoftext|>' : ranks[id];
  if (token === undefined) throw new PengiError('E_TEXT', `token id ${id} is outside 0 … ${END_OF_TEXT}`);
  return typeof token === 'string' ? new TextEncoder().encode(token) : Uint8Array.from(token);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
