/** serde_json's limit, which the official reader has. */
const MAX_DEPTH = 128;
const LONE_SURROGATE = /[\ud800-\udfff]/u;
const [QUOTE, OPEN_OBJECT, OPEN_ARRAY, CLOSE_OBJECT, CLOSE_ARRAY] = [0x22, 0x7b, 0x5b, 0x7d, 0x5d];

/**
 * The first thing in `text` that `JSON.parse` lets pass and a strict reader must not: a repeated key (of which
 * `JSON.parse` keeps the last and others the first), a number that is not a plain integer, half a surrogate pair, deep
 * nesting. Undefined when there is none. `text` must be valid JSON.
 */
export function strictJsonProblem(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = []; // the keys of each open object; undefined for an array
  let i = 0;
  while (i < text.length) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      const end = stringEnd(text, i);
      const raw = text.slice(i + 1, end - 1);
      const value = raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
      if (LONE_SURROGATE.test(value)) return `the string "${raw}" holds half a surrogate pair`;
      i = skipSpace(text, end);
      if (text[i] !== ':') continue;
      const keys = open.at(-1);
      if (keys?.has(value)) return `the key "${value}" occurs twice`;
      keys?.add(value);
    } else if (c === OPEN_OBJECT || c === OPEN_ARRAY) {
      if (open.push(c === OPEN_OBJECT ? new Set() : undefined) > MAX_DEPTH)
        return `more than ${MAX_DEPTH} levels of nesting`;
      i++;
    } else if (c === CLOSE_OBJECT || c === CLOSE_ARRAY) {
      open.pop();
      i++;
    } else if (isNumberStart(c)) {
      const end = numberEnd(text, i);
      const token = text.slice(i, end);
      if (!/^-?\d+$/.test(token) || token === '-0') return `the number ${token} is not a plain integer`;
      i = end;
    } else i++;
  }
  return undefined;
}

/** The position after the closing quote. Searched by hand: a regular expression overflows its stack on long strings. */
function stringEnd(text: string, start: number): number {
  let i = start + 1;
  for (;;) {
    i = text.indexOf('"', i);
    let backslashes = 0;
    while (text[i - 1 - backslashes] === '\\') backslashes++;
    i++;
    if (backslashes % 2 === 0) return i;
  }
}

function skipSpace(text: string, start: number): number {
  let i = start;
  while (text.charCodeAt(i) <= 0x20) i++;
  return i;
}

function isNumberStart(c: number): boolean {
  return c === 0x2d || (c >= 0x30 && c <= 0x39);
}

function numberEnd(text: string, start: number): number {
  let i = start;
  while (i < text.length && '+-.eE0123456789'.includes(text[i] as string)) i++;
  return i;
}
