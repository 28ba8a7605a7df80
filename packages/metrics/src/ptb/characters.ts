/**
 * The classes of characters outside ASCII, as the tokenizer of CoreNLP 3.4.1 has them. They are those of the Unicode version
 * that it was generated with, and of its own exceptions, so they are measured: each character of the basic plane was put
 * between letters, between digits and alone. Everything that is in no class is dropped, as are all emoji.
 * Packed: pairs of base-36 numbers, the step from the last end to the start of a range, and its length less one.
 */
const PACKED = {
  letters: [
    '4q 0 b 0 5 0 6 m 2 u 2 cp 5 b f 4 8 0 2 0 3m 4 2 1 3 3 9 0 2 2 2 0 2 j 2 2a 2 3u 9 4d a 11 3 0 8 12 ',
    '21 q 6 2 1a 16 10 1 2 2q 2 0 g 1 8 1 b 2 3 0 h 0 2 t u 2g c 0 p w a 1 5 0 6 l 5 0 a 0 4 0 o o 20 0 2 ',
    'a 2g 1h 4 0 j 0 8 9 g 6 2 6 6 7 3 1 3 l 2 6 2 0 4 3 4 0 h 0 e 1 2 2 f 1 k 5 5 1 3 l 2 6 2 1 2 1 2 1 ',
    'w 3 2 0 k 2 h 8 2 2 2 l 2 6 2 1 2 4 4 0 j 0 g 1 10 7 3 1 3 l 2 6 2 1 2 4 4 0 v 1 2 2 g 0 i 0 2 5 4 2 ',
    '2 3 4 1 2 0 2 1 4 1 4 2 4 b n 0 1h 7 2 2 2 m 2 9 2 4 4 0 r 1 7 1 10 7 2 2 2 m 2 9 2 4 4 0 x 0 2 1 g ',
    '1 j 7 2 2 2 14 3 0 h 0 i 1 p 5 6 h 4 n 2 8 2 0 3 6 1n 1b 2 1 d 6 1n 1 2 0 3 1 2 0 3 0 7 3 2 6 2 2 2 ',
    '0 2 0 3 1 2 3 2 1 a 0 3 4 2 0 m 3 x 0 1s 7 2 z s 4 38 16 l 0 h 5 5 3 4 0 4 1 8 2 5 c d 0 i 11 2 0 6 ',
    '0 3 16 2 98 2 3 3 6 2 0 2 3 3 14 2 3 3 w 2 3 3 6 2 0 2 3 3 e 2 1k 2 3 3 1u 12 f h 2c d h7 3 g 2 p 6 ',
    '22 m c 2 3 f h f h f c 2 2 g 1f 10 0 5 0 1w 2f 9 14 2 0 6 1x b s 1g t 3 4 c 17 m 6 1l m a 1g 2b 0 2m ',
    '1a i 6 1k t e 1 b 17 r z 16 2 b z 30 3 2 3 4 1 a 5b 1t 7p 3 5 3 11 3 5 3 7 2 0 2 0 2 0 2 u 3 1g 2 6 ',
    '2 0 4 2 2 6 4 3 3 5 5 c 6 2 2 6 39 0 e 0 h c 2u 0 5 0 3 9 2 0 4 4 7 0 2 0 2 0 2 3 2 a 3 3 6 4 5 0 1h ',
    '1 22k 1a 2 1a 2 3o 7 3 4 1 d 11 2 0 6 0 3 1j 8 0 h m a 6 2 6 2 6 2 6 2 6 2 6 2 6 2 6 29 0 d2 1 17 4 ',
    '6 1 5 2d 7 2 2 2h 2 3 6 14 4 2l i q 1i f e9 52t 23 g5o 1g wc 1w 19 3 7g 4 f b 1 l 1a h o 9 1x 1e 8 3 ',
    '2u 3 3 2 3 d a 26 9 2 2 2 3 2 m u 1f f 1d 1r 5 4 0 f r b m q s 8 1a t 0 1d 14 o 2 2 7 l m 4 0 6 1b 2 ',
    '0 4 1 3 4 3 0 2 0 p 2 3 a 8 2 d 5 3 5 3 5 a 6 2 6 42 y u 8mb d m 5 1c 6it a5 3 2x 13 6 d 4 6 0 2 9 2 ',
    'c 2 4 2 0 2 1 2 1 2 2z y a2 j 1r 3 1h 15 b 39 4 2 3q 11 p 7 p c 2g 4 5 3 5 3 5 3 2 ',
  ],
  digits: [
    '19c 9 3r 9 5j 9 bh 9 3b 9 3b 9 3b 9 3b 9 3b 9 3b 9 3b 9 3b 9 69 9 3b 9 1z 9 7r 9 1z 9 1fr 9 13 9 8d ',
    '9 3l 9 4n 9 7 9 53 9 2f 9 3r 9 7 9 r7r 9 iv 9 13 9 5j 9 3b 9 bb 9 gev 9 ',
  ],
  /** Combining marks and modifiers: parts of words, not of words with hyphens. */
  marks: [
    'jm 3 d d 6 6 2 0 2 3k 6 0 3 1 b 1 35 0 3x 4 5v 5 1e 18 2 0 2 1 2 1 2 0 26 5 1d j i 0 2u e 3 6 g 1 h ',
    '0 2 0 v s 2i a 1n 8 7h 3 1l 0 2 g 3 4 d 1 u 2 1l 0 2 6 3 1 3 2 a 0 b 1 u 2 1l 0 2 h 1e 2 1l 0 2 h 4z ',
    '0 1o 4 4 2 2 3 1g 2 1n o 6g 6 2 2 6h 0 3 6 d 7 2r 0 3 8 c 5 ',
  ],
  /** Tokens of their own. */
  symbols: [
    '4h 0 4 4 3 0 2 6 2 3 6 0 o 0 w 0 hz 0 9 0 ea 0 1h 0 2 0 3 0 3 0 19 1 c 3 3 6 8 0 7 0 3 1 23 0 3 0 2v ',
    '0 18 d 6h 2 a4 1 yi 0 g 0 3fy 0 2h 1 3 0 4 5 d 8 3 0 3 4 2 0 18 0 4 a 2 e m 0 2k 1 2 3 2 1 b 0 2 2 6 ',
    '5 2 0 2 0 2 0 5 0 c 1 5 4 6 3 2 0 6 9 1e 227 si 1 g 0 6h 0 14p2 e b 6 r 5 r a 3f 1 4 1 ',
  ],
};

/** The contents of regular-expression classes, to be put between square brackets. */
export const LETTERS = `A-Za-z${unpack(PACKED.letters)}`;
export const DIGITS = `0-9${unpack(PACKED.digits)}`;
export const MARKS = unpack(PACKED.marks);
export const SYMBOLS = unpack(PACKED.symbols);

function unpack(lines: readonly string[]): string {
  const steps = lines
    .join('')
    .trim()
    .split(' ')
    .map((step) => Number.parseInt(step, 36));
  let [ranges, end] = ['', 0];
  for (let i = 0; i < steps.length; i += 2) {
    const start = end + steps[i]!;
    end = start + steps[i + 1]!;
    ranges += `${escaped(start)}-${escaped(end)}`;
  }
  return ranges;
}

function escaped(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`;
}
