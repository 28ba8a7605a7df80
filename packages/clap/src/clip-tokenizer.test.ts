import { isPengiError } from '@pengi/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collectClipIds, createClipTokenizer, createSubsetClipTokenizer } from './clip-tokenizer.js';

const clip = createClipTokenizer();

/** Texts and ids between start and end of golden g3-tokenizer-clip (CLIPTokenizerFast). */
const CASES: [string, number[]][] = [
  ['generate audio caption', [16896, 5766, 11327]],
  ['question: is there a dog barking?', [4382, 281, 533, 997, 320, 1929, 32676, 286]],
  ['sound event detection: ', [3608, 1655, 16220, 281]],
  [' ', []],
  ['a   b', [320, 321]],
  ['crlf\r\nbreak', [1075, 22078, 2568]],
  ["DON'T", [847, 713]],
  ["they've", [889, 1200]],
  ["rock 'n' roll", [2172, 262, 333, 262, 3341]],
  ['dog\u2019s bark', [1929, 728, 503, 338, 16560]],
  ['1234567890', [272, 273, 274, 275, 276, 277, 278, 279, 280, 271]],
  ['3.14159', [274, 269, 272, 275, 272, 276, 280]],
  ['\u2167', [158, 227, 371]],
  ['cafe\u0301', [15304]],
  ['\u0130stanbul', [328, 16384, 11231]],
  [
    '\u0391\u0392\u0393 \u03b1\u03b2\u03b3 \u03c2',
    [138, 109, 138, 110, 138, 367, 138, 109, 138, 110, 138, 367, 139, 480],
  ],
  [
    '\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440',
    [26302, 16370, 29503, 110, 22176, 141, 480, 267, 38018, 16701, 141, 478],
  ],
  [
    '\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8',
    [39121, 44353, 34002, 252, 21575, 2429, 228, 47121, 32421, 486],
  ],
  ['dog \u{1f436} barks', [1929, 10631, 1040, 662]],
  ['\u{1f469}\u200d\u{1f469}\u200d\u{1f467}\u200d\u{1f466}', [26304, 26304, 48938, 4244, 964, 355]],
  ['a\u00a0b', [320, 321]],
  ['\ufeffbom', [171, 119, 379, 19469]],
  ['a\u2028b', [320, 321]],
  ['a\u0000b', [320, 444, 321]],
  ['&amp;', [261, 6259, 282]],
  ['a <|endoftext|> b', [320, 49407, 321]],
  ['<|ENDOFTEXT|>', [49407]],
  ['<|endoftext|><|endoftext|>', [49407, 49407]],
  ['<|startoftext|>a', [49406, 320]],
  ['C:\\path\\file', [322, 25, 315, 5035, 315, 4512]],
  ['supercalifragilisticexpialidocious', [1642, 2857, 13093, 2076, 5868, 26850, 835, 639, 38466]],
  ['MixedCase WORDS camelCase snake_case', [29376, 2068, 2709, 27005, 2068, 8798, 318, 2068]],
  [
    'A dog barks while a man talks, followed by footsteps.',
    [320, 1929, 1040, 662, 1519, 320, 786, 3237, 267, 6499, 638, 27289, 269],
  ],
];

describe('encoding', () => {
  it.each(CASES)('gives the ids of CLIPTokenizerFast for %j', (text, ids) => {
    expect(clip.encode(text)).toEqual([49406, ...ids, 49407]);
  });

  // From HF tokenizers 0.22.1, built as CLIPTokenizerFast is
  it.each([
    ['no final sigma in lower case', '\u039f\u0394\u039f\u03a3', [138, 123, 138, 112, 138, 123, 139, 481]],
    ['a mark that changes the sign before it', 'a >\u0338 b', [320, 22684, 363, 321]],
    ['a mark that changes a special string', '<|endoftext|>\u0338', [27, 347, 40786, 4160, 91, 22684, 363]],
    ['U+0085, which is white space', 'a \u0085b', [320, 321]],
    ['U+FEFF, which is not', '.\ufeff\ufeff.', [13, 171, 119, 123, 171, 119, 123, 269]],
    ['U+180E, which is not', 'a\u180e\u180eb', [320, 157, 254, 236, 157, 254, 492, 321]],
    ['a control sign', '.\u001c.', [13, 216, 269]],
    ['digits one by one', ' 64 and 1st', [277, 275, 537, 272, 545]],
  ])('agrees with the reference about %s', (_, text, ids) => {
    expect(clip.encode(text)).toEqual([49406, ...ids, 49407]);
  });

  it('shows its tokens', () => {
    expect(clip.tokens('stra\u00dfe')).toEqual([
      '<|startoftext|>',
      'stra',
      '\u00c3',
      '\u0141',
      'e</w>',
      '<|endoftext|>',
    ]);
  });

  it('gives equal words equal ids, however often they come', () => {
    expect(clip.encode('barking barking BARKING')).toEqual([49406, 32676, 32676, 32676, 49407]);
  });

  it('takes a lone surrogate for U+FFFD', () => {
    expect(clip.encode('a\ud800 \udc00')).toEqual(clip.encode('a\ufffd \ufffd'));
  });

  it('has an id in the vocabulary for every token of any text, and never fails', () => {
    fc.assert(
      fc.property(anyText(), (text) => {
        const ids = clip.encode(text);
        expect([ids[0], ids.at(-1)]).toEqual([49406, 49407]);
        expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id < 49408)).toBe(true);
        // Blanks apart, the text is what it was after NFC and lower case (a letter at a time: no final sigma).
        const lower = text.normalize('NFC').replaceAll('\u03a3', '\u03c3').toLowerCase();
        const bare = lower.replaceAll(/<\|(start|end)oftext\|>|\p{White_Space}/gu, '');
        expect(clip.decode(ids).replaceAll(/\p{White_Space}/gu, '')).toBe(bare.replaceAll('</w>', ''));
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('refuses what is no text and what is too long', () => {
    expect(problem(() => clip.encode(null as unknown as string))).toMatch(
      'E_TEXT expected a text, found null',
    );
    expect(problem(() => clip.encode('a'.repeat(32_769)))).toMatch('longer than 32768 bytes');
  });

  it('merges a word of 32 KiB', () => {
    // "aaaaaaaa" is 23126 in the golden's long word; 4096 times 8 letters, the last of which ends the word
    const ids = clip.encode('a'.repeat(32_768));
    expect(ids.slice(1, 4000).every((id) => id === 23126)).toBe(true);
    expect(clip.decode(ids)).toBe('a'.repeat(32_768));
  });
});

describe('decoding', () => {
  // `decoded` of the golden
  it.each([
    ["it's", "it 's"],
    ['sound event detection: ', 'sound event detection :'],
    ['a <|endoftext|> b', 'a b'],
    ['\ufeffbom', '\ufeff bom'],
    ['cafe\u0301', 'caf\u00e9'],
    ['1234567890', '1 2 3 4 5 6 7 8 9 0'],
  ])('gives %j as %j', (text, decoded) => {
    expect(clip.decode(clip.encode(text))).toBe(decoded);
  });

  // From HF tokenizers 0.22.1
  it.each([
    [[728, 320], '\ufffda'],
    [[444, 320], '\u0000 a'],
    [[451], '\u0007'],
  ])('gives the text of %j', (ids, text) => {
    expect(clip.decode(ids)).toBe(text);
  });

  it.each([-1, 49408, 1.5])('refuses %d, which is no token', (id) => {
    expect(problem(() => clip.decode([id]))).toMatch(`E_TEXT token id ${id} is outside 0 … 49407`);
  });
});

describe('prompts', () => {
  it('are padded with the end on the right, where the mask is 0', () => {
    const prompt = clip.encodePrompt('generate audio caption');
    expect([...prompt.ids]).toEqual([49406, 16896, 5766, 11327, ...Array(36).fill(49407)]);
    expect([...prompt.mask]).toEqual([...Array(5).fill(1), ...Array(35).fill(0)]);
    expect(prompt.truncated).toBe(false);
  });

  it('keep start and end when they are cut', () => {
    const prompt = clip.encodePrompt('word '.repeat(60));
    expect([...prompt.ids]).toEqual([49406, ...Array(38).fill(2653), 49407]);
    expect([...prompt.mask]).toEqual(Array(40).fill(1));
    expect(prompt.truncated).toBe(true);
  });

  it.each([1, 0, -1, 2.5, Number.NaN])('hold start and end, so not %d ids', (length) => {
    expect(() => clip.encodePrompt('a', length)).toThrow(
      expect.objectContaining({
        code: 'E_USAGE',
        message: `a prompt holds start and end, so at least 2 ids, found ${length}`,
      }),
    );
  });

  it('always have the length asked for', () => {
    fc.assert(
      fc.property(anyText(), fc.integer({ min: 2, max: 77 }), (text, length) => {
        const { ids, mask, truncated } = clip.encodePrompt(text, length);
        const needed = clip.encode(text).length;
        expect([ids.length, mask.length]).toEqual([length, length]);
        expect([ids[0], ids[length - 1]]).toEqual([49406, 49407]);
        expect(mask.reduce((sum, value) => sum + value, 0)).toBe(Math.min(needed, length));
        expect(truncated).toBe(needed > length);
      }),
      { seed: 2, numRuns: 200 },
    );
  });
});

describe('a subset vocabulary', () => {
  const texts = ['a dog barks', 'a cat meows', '3 times'];
  const kept = collectClipIds(clip, texts);
  const small = createSubsetClipTokenizer(clip, kept);

  it('keeps the ids of its texts, ascending, with start and end as the largest two', () => {
    const needed = new Set(texts.flatMap(clip.encode));
    expect(kept).toEqual([...needed].sort((a, b) => a - b));
    expect([small.start, small.end]).toEqual([kept.length - 2, kept.length - 1]);
    expect(collectClipIds(clip, [])).toEqual([49406, 49407]);
  });

  it('gives back any text made of its words', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...texts), { maxLength: 6 }), (parts) => {
        const text = parts.join(' ');
        expect(small.encode(text).map((id) => kept[id])).toEqual(clip.encode(text));
        expect(small.tokens(text)).toEqual(clip.tokens(text));
        expect(small.decode(small.encode(text))).toBe(text);
      }),
      { seed: 3 },
    );
  });

  it('pads prompts with its own end', () => {
    const { ids } = small.encodePrompt('a dog', 6);
    expect(Array.from(ids, (id) => kept[id])).toEqual([49406, 320, 1929, 49407, 49407, 49407]);
  });

  it('names the words it does not know, and says what to do', () => {
    expect(problem(() => small.encode('a Dog purrs 4 times'))).toBe(
      'E_TEXT this model does not know "purrs", "4"; it was trained on few words: ' +
        'use words of its training texts, or a model with the whole vocabulary',
    );
  });

  it('refuses kept ids without start or end', () => {
    expect(problem(() => createSubsetClipTokenizer(clip, [320, 49407]))).toMatch(
      'E_CONFIG keptIds: lacks 49406',
    );
  });
});

describe('merges of the caller', () => {
  it('make a vocabulary of bytes, ending bytes, merges, start and end', () => {
    const tiny = createClipTokenizer({ merges: ['a b', 'ab c</w>'], vocabularySize: 516 });
    // In CLIP's order of bytes, "!" is 0: a, b and c are 64, 65 and 66.
    expect(tiny.encode('abc ab cab')).toEqual([514, 513, 64, 321, 66, 64, 321, 515]);
    expect(tiny.tokens('abc')).toEqual(['<|startoftext|>', 'abc</w>', '<|endoftext|>']);
  });

  it('may be more than the vocabulary holds', () => {
    const tiny = createClipTokenizer({ merges: ['a b', 'ab c</w>', 'not read'], vocabularySize: 515 });
    expect(tiny.tokens('abc')).toEqual(['<|startoftext|>', 'ab', 'c</w>', '<|endoftext|>']);
  });

  it.each([
    [['a b'], 516, 'vocabularySize: expected 514 and at most one per merge (1) more, found 516'],
    [['a b'], 513, 'found 513'],
    [['a b', 'a b'], 516, 'merges: "a b" repeats'],
    [['ab c', 'a b'], 516, 'merges: "ab c" repeats a token or joins'],
    [['ab'], 515, 'merges: "ab" repeats'],
    [['a a', 'aa'], 516, 'merges: "aa" repeats'],
    [['\u001b b'], 515, 'merges: "\\u001b b" repeats'],
    [[''], 515, 'merges: "" repeats'],
  ])('%j with a vocabulary of %d are refused', (merges, vocabularySize, message) => {
    expect(problem(() => createClipTokenizer({ merges, vocabularySize }))).toMatch(/^E_CONFIG /);
    expect(problem(() => createClipTokenizer({ merges, vocabularySize }))).toContain(message);
  });
});

/** Any code points but surrogates, with special strings and signs that matter here among them. */
function anyText() {
  const special = fc.constantFrom(
    '<|endoftext|>',
    '<|StartOfText|>',
    ' ',
    "'S",
    '\ufeff',
    '\u0085',
    '\u03a3',
    '64',
  );
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
