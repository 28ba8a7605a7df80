import { isPengiError } from '@pengi/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  collectIds,
  createGpt2Tokenizer,
  createStreamDecoder,
  createSubsetTokenizer,
  END_OF_TEXT,
  RELEASED_STOP,
} from './tokenizer.js';

const gpt2 = createGpt2Tokenizer();
const quirky = createGpt2Tokenizer({ padQuirk: true });

/** Texts and ids of golden g3-tokenizer-gpt2 (GPT2TokenizerFast). */
const CASES: [string, number[]][] = [
  ['generate audio caption', [8612, 378, 6597, 8305]],
  ['question: is there a dog barking?', [25652, 25, 318, 612, 257, 3290, 48961, 30]],
  ['sound event detection: ', [23661, 1785, 13326, 25, 220]],
  [' ', [220]],
  ['a   b', [64, 220, 220, 275]],
  ['crlf\r\nbreak', [6098, 1652, 201, 198, 9032]],
  ["DON'T", [41173, 6, 51]],
  ["they've", [9930, 1053]],
  ["rock 'n' roll", [10823, 705, 77, 6, 4836]],
  ['dog\u2019s bark', [9703, 447, 247, 82, 21405]],
  ['1234567890', [10163, 2231, 30924, 3829]],
  ['3.14159', [18, 13, 1415, 19707]],
  ['\u2167', [158, 227, 100]],
  ['cafe\u0301', [66, 8635, 136, 223]],
  ['\u0130stanbul', [128, 108, 24179]],
  [
    '\u0391\u0392\u0393 \u03b1\u03b2\u03b3 \u03c2',
    [138, 239, 138, 240, 138, 241, 26367, 26638, 42063, 18074, 224],
  ],
  [
    '\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440',
    [140, 253, 21169, 18849, 38857, 16843, 20375, 11, 12466, 120, 18849, 21169],
  ],
  [
    '\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8',
    [33768, 98, 17312, 105, 45739, 252, 5641, 24336, 25084, 43302],
  ],
  ['dog \u{1f436} barks', [9703, 12520, 238, 114, 2318, 591]],
  [
    '\u{1f469}\u200d\u{1f469}\u200d\u{1f467}\u200d\u{1f466}',
    [41840, 102, 447, 235, 41840, 102, 447, 235, 41840, 100, 447, 235, 41840, 99],
  ],
  ['a\u00a0b', [64, 1849, 65]],
  ['\ufeffbom', [171, 119, 123, 65, 296]],
  ['a\u2028b', [64, 447, 101, 65]],
  ['a\u0000b', [64, 188, 65]],
  ['&amp;', [5, 696, 26]],
  ['a <|endoftext|> b', [64, 220, 50256, 275]],
  ['<|ENDOFTEXT|>', [27, 91, 10619, 46, 9792, 13918, 91, 29]],
  ['<|endoftext|><|endoftext|>', [50256, 50256]],
  ['<|startoftext|>a', [27, 91, 9688, 1659, 5239, 91, 29, 64]],
  ['C:\\path\\file', [34, 7479, 6978, 59, 7753]],
  ['supercalifragilisticexpialidocious', [16668, 9948, 361, 22562, 346, 396, 501, 42372, 498, 312, 32346]],
  ['MixedCase WORDS camelCase snake_case', [44, 2966, 20448, 21881, 5258, 41021, 20448, 17522, 62, 7442]],
  [
    'A dog barks while a man talks, followed by footsteps.',
    [32, 3290, 2318, 591, 981, 257, 582, 6130, 11, 3940, 416, 27146, 13],
  ],
];

describe('encoding', () => {
  it.each(CASES)('gives the ids of GPT2TokenizerFast for %j', (text, ids) => {
    expect(gpt2.encode(text)).toEqual(ids);
  });

  // From HF tokenizers 0.22.1: its \s is White_Space, which lacks U+FEFF and holds U+0085.
  it.each([
    ['a \ufeffb', [64, 27332, 119, 123, 65]],
    ['a \u0085b', [64, 220, 126, 227, 65]],
  ])('knows the white space of the reference in %j', (text, ids) => {
    expect(gpt2.encode(text)).toEqual(ids);
  });

  // `ids_with_pad_token` of the golden; the last one from HF tokenizers with '!' added.
  it.each([
    ['!!', [3228], [0, 0]],
    ['!!!', [10185], [0, 0, 0]],
    [' !', [5145], [220, 0]],
    ['hello!!', [31373, 3228], [31373, 0, 0]],
    ['hello !', [31373, 5145], [31373, 220, 0]],
    ['x!y! <|endoftext|>!!', [87, 0, 88, 0, 220, 50256, 3228], [87, 0, 88, 0, 220, 50256, 0, 0]],
  ])('cuts "!" out of %j before BPE only when the pad quirk is wanted', (text, plain, cut) => {
    expect(gpt2.encode(text)).toEqual(plain);
    expect(quirky.encode(text)).toEqual(cut);
  });

  it('stops at the first token of " <|endoftext|>", as the reference does', () => {
    expect(gpt2.encode(' <|endoftext|>')).toEqual([RELEASED_STOP, END_OF_TEXT]);
  });

  it('takes a lone surrogate for U+FFFD', () => {
    expect(gpt2.encode('a\ud800 \udc00')).toEqual(gpt2.encode('a\ufffd \ufffd'));
  });

  it('words numbers digit by digit when asked to', () => {
    const digits = createGpt2Tokenizer({ splitDigits: true });
    const one = (text: string) => gpt2.encode(text)[0];
    expect(gpt2.encode(' 64')).toEqual([5598]);
    expect(digits.encode(' 64')).toEqual([one(' 6'), one('4')]);
    expect(digits.pieces('at 120 Hz, 1st').map(({ text }) => text)).toEqual([
      'at',
      ' 1',
      '2',
      '0',
      ' Hz',
      ',',
      ' 1',
      'st',
    ]);
    expect(digits.decode(digits.encode('at 120 Hz, 1st'))).toBe('at 120 Hz, 1st');
    expect(digits.encode(' a dog barks')).toEqual(gpt2.encode(' a dog barks'));
  });

  it('refuses what is no text and what is too long', () => {
    expect(problem(() => gpt2.encode(undefined as unknown as string))).toMatch(
      'E_TEXT expected a text, found undefined',
    );
    expect(problem(() => gpt2.encodePrompt(5 as unknown as string))).toMatch(
      'E_TEXT expected a text, found number',
    );
    expect(problem(() => gpt2.encode('\u65e5'.repeat(11_000)))).toMatch('longer than 32768 bytes');
  });
});

describe('decoding', () => {
  // `decode_cases` of the golden
  it.each([
    [[220, 50256], ' <|endoftext|>', ' <|endoftext|>'],
    [[0, 0, 0], '!!!', '!!!'],
    [[64, 3290, 220, 50256], 'a dog <|endoftext|>', 'a dog <|endoftext|>'],
    [[1820, 837, 764, 5145, 5633], 'my , . ! ?', 'my,.!?'],
    [[447, 247, 82], '\u2019s', '\u2019s'],
    [[12520, 238], ' \ufffd', ' \ufffd'],
    [[198, 198, 220, 220], '\n\n  ', '\n\n  '],
    [[286, 705, 77, 6, 4836], " of 'n' roll", " of 'n' roll"],
    [[340, 705, 82, 837, 407, 764], " it 's , not .", " it's, not."],
    [[837, 705, 1183, 764], " , ''ll .", ", ''ll."],
    // From HF tokenizers 0.22.1
    [[12520, 238, 220], ' \ufffd ', ' \ufffd '],
  ])('gives the text of %j, cleaned up on request', (ids, text, cleaned) => {
    expect(gpt2.decode(ids)).toBe(text);
    expect(gpt2.decode(ids, { cleanUp: true })).toBe(cleaned);
  });

  it('forgets the half character that another text ended in', () => {
    gpt2.decode([12520, 238]);
    expect(gpt2.decode([64])).toBe('a');
  });

  it('keeps a byte order mark', () => {
    expect(gpt2.decode([171, 119, 123, 65, 296])).toBe('\ufeffbom');
  });

  it.each([-1, 50257, 1.5])('refuses %d, which is no token', (id) => {
    expect(problem(() => gpt2.decode([id]))).toMatch(`E_TEXT token id ${id} is outside 0 … 50256`);
  });

  it('gives back any text without lone surrogates', () => {
    fc.assert(
      fc.property(anyText(), (text) => {
        expect(gpt2.decode(gpt2.encode(text))).toBe(text);
        expect(quirky.decode(quirky.encode(text))).toBe(text);
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});

describe('streaming', () => {
  it('holds a character back until its last byte is there', () => {
    const stream = createStreamDecoder(gpt2);
    // ids of the golden's "dog \u{1f436} barks"
    const parts = [9703, 12520, 238, 114, 2318, 591].map(stream.push);
    expect(parts).toEqual(['dog', ' ', '', '\u{1f436}', ' bar', 'ks']);
    expect(stream.end()).toBe('');
  });

  it('ends an incomplete character with U+FFFD and starts anew', () => {
    const stream = createStreamDecoder(gpt2);
    expect([12520, 238].map(stream.push)).toEqual([' ', '']);
    expect(stream.end()).toBe('\ufffd');
    expect(stream.push(64)).toBe('a');
  });

  it('adds up to what decode gives, for any ids', () => {
    // Half of the ids are single bytes, which are seldom UTF-8 together.
    const ids = fc.array(fc.oneof(fc.nat(255), fc.nat(END_OF_TEXT)), { maxLength: 12 });
    fc.assert(
      fc.property(ids, (some) => {
        const stream = createStreamDecoder(gpt2);
        expect(some.map(stream.push).join('') + stream.end()).toBe(gpt2.decode(some));
      }),
      { seed: 2, numRuns: 500 },
    );
  });
});

describe('prompts', () => {
  // `prompt40` and `prompt_mask40` of the golden
  it.each([
    ['generate audio caption', [8612, 378, 6597, 8305, 220, 50256]],
    ['sound event detection: ', [23661, 1785, 13326, 25, 220, 220, 50256]],
    ['hello !', [31373, 220, 0, 220, 50256]],
    ['', [220, 50256]],
  ])('ends %j with the end marker and pads it to 40', (text, ids) => {
    const prompt = quirky.encodePrompt(text);
    expect([...prompt.ids]).toEqual([...ids, ...Array(40 - ids.length).fill(0)]);
    expect([...prompt.mask]).toEqual([...ids.map(() => 1), ...Array(40 - ids.length).fill(0)]);
    expect(prompt.truncated).toBe(false);
  });

  it('cuts a long one, which then has no end marker', () => {
    const prompt = quirky.encodePrompt('word '.repeat(60));
    expect([...prompt.ids]).toEqual([4775, ...Array(39).fill(1573)]);
    expect([...prompt.mask]).toEqual(Array(40).fill(1));
    expect(prompt.truncated).toBe(true);
  });

  it('always have the length asked for', () => {
    fc.assert(
      fc.property(anyText(), fc.integer({ min: 1, max: 60 }), (text, length) => {
        const { ids, mask, truncated } = gpt2.encodePrompt(text, { length });
        const needed = gpt2.encode(`${text} <|endoftext|>`).length;
        expect([ids.length, mask.length]).toEqual([length, length]);
        expect(mask.reduce((sum, value) => sum + value, 0)).toBe(Math.min(needed, length));
        expect(truncated).toBe(needed > length);
      }),
      { seed: 3, numRuns: 200 },
    );
  });
});

describe('a subset vocabulary', () => {
  const texts = ['a dog barks', ' a cat', ' 3 times', 'caf\u00e9'];
  const digits = createGpt2Tokenizer({ splitDigits: true });
  const kept = collectIds(digits, texts);
  const small = createSubsetTokenizer(digits, kept);

  it('keeps the ids of its texts, the pad, the blank and the end marker, ascending', () => {
    const needed = new Set([0, 220, 50256, ...texts.flatMap(digits.encode)]);
    expect(kept).toEqual([...needed].sort((a, b) => a - b));
    expect(small.vocabularySize).toBe(kept.length);
    expect([small.pad, small.endOfText, small.releasedStop]).toEqual([0, kept.length - 1, kept.indexOf(220)]);
  });

  it('numbers the kept ids from 0 in their order', () => {
    for (const text of texts) expect(small.encode(text).map((id) => kept[id])).toEqual(digits.encode(text));
  });

  it('gives back any text made of its words, whole and streamed', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...texts), { maxLength: 6 }), (parts) => {
        const ids = parts.flatMap(small.encode);
        const stream = createStreamDecoder(small);
        expect(small.decode(ids)).toBe(parts.join(''));
        expect(ids.map(stream.push).join('') + stream.end()).toBe(parts.join(''));
      }),
      { seed: 4 },
    );
  });

  it('pads prompts with its own pad', () => {
    const { ids, mask } = small.encodePrompt('a dog barks', { length: 8 });
    expect(Array.from(ids, (id) => kept[id])).toEqual([64, 3290, 2318, 591, 220, 50256, 0, 0]);
    expect([...mask]).toEqual([1, 1, 1, 1, 1, 1, 0, 0]);
  });

  it('names the words it does not know, and says what to do', () => {
    expect(problem(() => small.encode('a dog purrs 13 times, purrs'))).toBe(
      'E_TEXT this model does not know " purrs", " 1", "3", ","; it was trained on few words: ' +
        'use words of its training texts, or a model with the whole vocabulary',
    );
    expect(problem(() => small.encode('a b c d e f g h'))).toMatch('" b", " c", " d", " e", " f" and 2 more');
  });

  it('refuses ids beyond its own', () => {
    expect(problem(() => small.decode([kept.length]))).toMatch(
      `E_TEXT token id ${kept.length} is outside 0 … ${kept.length - 1}`,
    );
  });

  it.each([
    [[], 'found none'],
    [[0, 220, 220, 50256], 'found 220 at position 2'],
    [[0, 220, 50257], 'found 50257 at position 2'],
    [[0, 1.5, 220], 'found 1.5 at position 1'],
    [[0, 64, 220], 'keptIds: lacks 50256'],
    [[0, 64, 50256], 'keptIds: lacks 220'],
  ])('refuses the kept ids %j', (ids, message) => {
    expect(problem(() => createSubsetTokenizer(gpt2, ids))).toMatch(`E_CONFIG keptIds: `);
    expect(problem(() => createSubsetTokenizer(gpt2, ids))).toMatch(message);
  });
});

/** Any code points but surrogates, with special strings and signs that matter here among them. */
function anyText() {
  const special = fc.constantFrom('<|endoftext|>', '!', ' ', '  ', "'s", '\ufeff', '\u0085', '\n', '64');
  const part = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string(), special);
  return fc.array(part, { maxLength: 6 }).map((parts) => parts.join(''));
}

/** The line of the PengiError that `action` throws. */
function problem(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isPengiError(error)) return error.line;
    throw error;
  }
  return 'no error';
}
