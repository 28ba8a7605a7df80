import { ptbLines } from '../ptb/lexer.js';

/** A caption as its words. */
export type Tokens = readonly string[];

/** What coco-caption takes out. Brackets are listed in capitals there, so that `-lrb-` and the like stay in. */
const PUNCTUATION = new Set([
  ...["''", "'", '``', '`', '-LRB-', '-RRB-', '-LCB-', '-RCB-'],
  ...['.', '?', '!', ',', ':', '-', '--', '...', ';'],
]);

/**
 * Captions as coco-caption tokenizes them: CoreNLP 3.4.1's PTB tokenizer, small letters, no punctuation. Tokenize all captions of one
 * kind in one call, as coco-caption does: whether a line ends in `etc.` or `etc. .` depends on the next one. What else ends a line
 * there (a carriage return, U+2028 …) counts as a blank here, for it would give the rest of a caption to the next clip.
 */
export function tokenizeCaptions(captions: readonly string[]): string[][] {
  if (captions.length === 0) return [];
  return ptbLines(captions.map((text) => text.replace(LINE_ENDS, ' ')).join('\n')).map((tokens) =>
    tokens.filter((token) => !PUNCTUATION.has(token)),
  );
}

const LINE_ENDS = /[\n\r\v\f\u2028\u2029]/g;
