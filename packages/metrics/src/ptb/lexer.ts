import { BLANKS, FIRST_OF_WORD, LINE_END, RULES, type Rule } from './rules.js';

/**
 * The tokens of each line of `text`, as `PTBTokenizer -preserveLines -lowerCase` of CoreNLP 3.4.1 prints them. As there, carriage
 * returns, vertical tabs, form feeds and U+2028 end lines, and the first letter of the next line may decide whether the point
 * of an abbreviation ends a sentence.
 */
export function ptbLines(text: string): string[][] {
  let line: string[] = [];
  const lines = [line];
  const push = (token: string) => {
    const kept = token.includes('\u00ad') ? token.replaceAll('\u00ad', '') : token;
    if (kept !== '') line.push(kept.toLowerCase());
  };

  for (let at = 0; at < text.length; ) {
    PLAIN.lastIndex = at;
    if (PLAIN.test(text)) {
      const end = PLAIN.lastIndex;
      const word = text.slice(at, end).toLowerCase();
      if (!SPLIT.has(word)) {
        line.push(word);
        at = end;
        continue;
      }
    }
    const blank = matchLength(BLANKS, text, at);
    if (blank > 0) {
      at += blank;
      continue;
    }
    const end = matchLength(LINE_END, text, at);
    if (end > 0) {
      at += end;
      line = [];
      lines.push(line);
      continue;
    }
    at += readToken(text, at, push);
  }
  return lines;
}

/** Words of small and capital letters before a blank or a comma, which most of a caption is: no rule makes more of these. */
const PLAIN = /[A-Za-z]+(?=,?[ \n])/y;
const SPLIT = new Set(['cannot', 'gonna', 'gotta', 'lemme', 'gimme', 'wanna']);

/** Hands the token at `at` to `push`, and gives how far it reaches. Characters that are in no token are passed over. */
function readToken(text: string, at: number, push: (token: string) => void): number {
  let [best, reach, token]: [Rule | undefined, number, string] = [undefined, 0, ''];
  const rules = FIRST_OF_WORD.test(text[at]!) ? RULES.words : RULES.signs;
  for (const rule of rules) {
    rule.pattern.lastIndex = at;
    const found = rule.pattern.exec(text);
    if (found === null || found[0].length <= reach) continue;
    [best, reach, token] = [
      rule,
      found[0].length,
      found.slice(1).find((group) => group !== undefined) ?? found[0],
    ];
  }
  if (best === undefined) return 1;
  const { as, back = 0 } = best;
  push(as === undefined ? token : typeof as === 'string' ? as : as(token));
  return token.length - back;
}

function matchLength(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex - at : 0;
}
