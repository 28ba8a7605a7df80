/**
 * What the tokens of CoreNLP 3.4.1's PTBTokenizer look like. Written from its behaviour, and compared with it on the metric
 * goldens and on hundreds of thousands of made-up lines; nothing is taken from its source. At each place the rule that reaches furthest wins, what
 * it looks ahead at included; of equals the first. A rule's first group, where it has one, is the token; the rest is looked at only.
 */
import { DIGITS, LETTERS, MARKS, SYMBOLS } from './characters.js';

export interface Rule {
  /** Sticky. */
  readonly pattern: RegExp;
  /** What the token is printed as, where that is not what stands there; an empty one is dropped. */
  readonly as?: string | ((found: string) => string);
  /** The token stands, and this many of its last characters are read once more. */
  readonly back?: number;
}

const D = `[${DIGITS}]`;
const W = `(?:[${LETTERS}${MARKS}\u00ad]|&[aeiouAEIOU](?:acute|grave|uml);)`;
const LD = `[${LETTERS}${DIGITS}\u00ad]`;
const HYPHEN = '[-_\u058a\u2010\u2011]';
const APOS = "(?:['\u0092\u2019]|&apos;)";
/** Apostrophes and what is used in their place. */
const APOS_LIKE = "(?:['`\u0091\u0092\u2018\u2019\u201b]|&apos;)";
const SPACE = '[ \\t\u00a0\u2000-\u200a\u3000]';
const NEWLINE = '(?:\\r\\n|[\\r\\n\u2028\u2029\u000b\u000c])';
const BLANK = `(?:${SPACE}|${NEWLINE})`;
const END = '(?![^])';
const NUMBER = `${D}*(?:[.:,\u00ad\u066b\u066c]${D}+)+`;
const TAG_NAME = '[A-Za-z][A-Za-z0-9_:.-]*';
const TAG_VALUE = `(?:'[^'\\r\\n]*'|"[^"\\r\\n]*"|${TAG_NAME})`;
const TAG = `<(?:[!?][A-Za-z-][^>\\r\\n]*|${TAG_NAME}(?: +${TAG_NAME}(?: *= *${TAG_VALUE})?)* */?|/${TAG_NAME}) *>`;

/** Letters of a pattern in either case; the flag `i` would make `[A-Z]` and `\p{Lu}` match small letters. */
function anyCase(pattern: string): string {
  return pattern.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);
}

/** Abbreviations after which a sentence may end: their point is then a token as well. Not all are known in lower case. */
const CLOSING_TITLE =
  'Ark|Az|Del|Ill|La|Mass|Miss|Ore|Pa|Tex|Wash|ARK|AZ|DEL|ILL|LA|MASS|MISS|ORE|PA|TEX|WASH';
const CLOSING = anyCase(
  'ala?|apr|ariz|assn|aug|bancorp|bhd|bldg|blvd|bros|calif|cos?|colo|conn|corp|ct|dak|dec|esq|est|etc|ext|feb|fla|fri|ga|inc|ind|' +
    'intl|jan|jr|jul|jun|kans?|ky|ltd|mar|md|mich|minn|mo|mont?|neb|nev|nov|oct|okla|penn|plc|pp?t(?:e|y)s?|rd|rt|sept?|seq|sq|sr|sys|tel|tenn|' +
    'thurs?|tues?|univ|va|vt|wed|wisc?|wyo',
);
/** Abbreviations whose point always belongs to them. */
const OPEN = anyCase(
  'adj|adm|adv|alex|assoc|asst|attys?|ave|brig|capt|cf|cie|co?mdr|col|cpl|dept|det|drs?|elec|ens|ft|gen|govs?|hon|insp|invt|jos|' +
    'lieut|lt|maj|messrs|mlle|mme|mrs?|ms|msgr|mfg|mt|mtg|natl|pfc|ph|pres|profs?|pvt|reps?|rev|sens?|sfc|sgt|spc|ste?|supts?|treas|vs|wm',
);
const DEGREE = anyCase('(?:ed|ph)\\.d');
const NUMBERED = anyCase('nos?|figs?|prop');
const FILE_TYPES = anyCase(
  'c|h|x|gz|pl|ps|py|bat|bmp|cgi|class|cpp|dll|docx?|exe|gif|html?|jar|java|jpe?g|mov|mp3|pdf|php|png|ppt|sql|tar|txt|wav|xml|zip',
);
/** Words that tell that a sentence begins after an acronym. */
const STARTERS =
  'A|An|As|At|He|If|In|It|So|We|But|Her|Now|One|Our|She|The|Yet|You|Here|Last|Many|More|Once|Some|Such|That|Then|They|This|' +
  'What|When|About|According|Additionally|After|Earlier|However|Other|Since|Their|There|These|While';
const SENTENCE_END = `(?:${BLANK}(?:${BLANK}|\\p{Lu}|${TAG})|${END})`;
const ENDINGS = anyCase('s|m|d|re|ve|ll');
const ACRONYM = '[A-Za-z](?:\\.[A-Za-z])*|a\\.k\\.a';
const PHONE =
  '(?:\\+?(?:[0-9]{2,4}[- \u00a0])?[0-9]{2,4}[- \u00a0][0-9]{3,4}[- \u00a0]?[0-9]{3,5}|' +
  '\\+?(?:[0-9]{2,4}\\.)?[0-9]{2,4}\\.[0-9]{3,4}\\.[0-9]{3,5})';
const DIRT = ' \\t\\n\\f\\r"<>|(){}';
const THING = `(?:[dDoOlL]${APOS}${LD})?${LD}+(?:${HYPHEN}(?:[dDoOlL]${APOS}${LD})?${LD}+)*`;
/** Words with hyphens, with points and commas in the first: `U.S.-made`, `3.5-inch`. */
const POINTED = '[A-Za-z0-9][A-Za-z0-9.,]*(?:-(?:(?:[A-Za-z]\\.){2,}|[A-Za-z0-9]+))+';
const EMAIL = `[a-zA-Z0-9][^${DIRT}\u00a0]*@(?:[^${DIRT}.\u00a0]+\\.)*[^${DIRT}.\u00a0]+>?`;
const AMPERSANDS = '[A-Z]+(?:(?:[+&]|&amp;)[A-Z]+)+';

const rule = (pattern: string, more: Omit<Rule, 'pattern'> = {}): Rule => ({
  pattern: new RegExp(pattern, 'uy'),
  ...more,
});

const plainQuotes = (found: string) =>
  found.replace(/[\u0092\u2019]|&apos;/g, "'").replace(/[\u0091\u2018\u201b]/g, '`');
const hardSpaces = (found: string) => found.replaceAll(' ', '\u00a0');

/** Tokens that begin with a letter or a digit. */
const WORDS: readonly Rule[] = [
  // abbreviations
  rule(`((?:${CLOSING}|${DEGREE})\\.)${SENTENCE_END}`, { back: 1 }),
  rule(`((?:${CLOSING_TITLE})\\.)${SENTENCE_END}`, { back: 1 }),
  rule(`((?:${CLOSING}|${DEGREE})\\.)[^]`),
  rule(`((?:${CLOSING_TITLE})\\.)[^]`),
  rule(`(?:${OPEN})\\.`),
  rule(`((?:${CLOSING}|${CLOSING_TITLE}|${NUMBERED}|${anyCase('canada')})\\.)[,;:]`),
  rule(`((?:${NUMBERED})\\.)${BLANK}?[0-9]`),
  rule(`${anyCase('cont')}${APOS}[dD]\\.|${anyCase('nor')}${APOS}${anyCase('easter')}`),
  rule(anyCase('(can)not|(gon)na|(got)ta|(lem)me|(gim)me|(wan)na')),
  rule(`([A-Za-z]*[A-MO-Za-mo-z])n${APOS_LIKE}[tT]`),
  rule(`([A-Za-z]*[A-MO-Za-mo-z])N${APOS_LIKE}[tT]`),
  rule(`[nN]${APOS_LIKE}[tT]`, { as: plainQuotes }),
  rule(`(${W}(?:${W}|${D})*)${APOS}(?:${ENDINGS})`),
  rule(`${W}(?:${W}|${D})*(?:[.!?]${W}(?:${W}|${D})*)*`),
  rule(THING),
  rule(POINTED),
  rule(
    `((?:${W}(?:${W}|${D})*(?:[.!?]${W}(?:${W}|${D})*)*|${THING}|${POINTED}|${AMPERSANDS})\\.)[,;:\u3001]`,
  ),
  rule(AMPERSANDS),
  rule('[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}(?:\\\\?/[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}){1,2}'),
  rule(`[lLdDjJ]${APOS}|([yY]${APOS})[${LETTERS}]`),
  rule(
    `[A-HJ-XZn]${APOS_LIKE}[${LETTERS}]{2,}|[${LETTERS}]+[aeiouyAEIOUY]${APOS_LIKE}[aeiouA-Z][${LETTERS}]*`,
  ),
  rule(
    ["dunkin'", "somethin'", "ol'", "c'mon", "e'er", "s'mores", "ev'ry", "li'l", "nat'l"]
      .map((word) => anyCase(word).replace("'", APOS))
      .join('|'),
  ),
  rule(`([A-Za-z])\\.${BLANK}(?:(?:${STARTERS})${BLANK}|${TAG})`),
  rule(`((?:[A-Za-z](?:\\.[A-Za-z])+)\\.)(?:${BLANK}(?:(?:${STARTERS})${BLANK}|${TAG})|${END})`, { back: 1 }),
  rule(`(?:${ACRONYM})\\.`),
  rule(`(${LD}+(?:\\.${LD}+)*\\.(?:${FILE_TYPES}))(?=${BLANK}|[.,?!]|${END})`),
  // addresses
  rule(`${anyCase('https?')}://[^${DIRT}]+[^${DIRT}.!?,-]`),
  rule(`www\\.(?:[^${DIRT}.!?,]+\\.)+[a-zA-Z]{2,4}(?:/[^${DIRT}]+[^${DIRT}.!?,-])?`),
  rule(`(?:[^${DIRT}\`'.!?,_$/-]+\\.)+(?:com|net|org|edu)(?:/[^${DIRT}]+[^${DIRT}.!?,-])?`),
  rule(EMAIL),
  rule('[A-Z]+\\$|[cC]\\+\\+|[cCfF]#'),
  // numbers
  rule(`${NUMBER}|${D}+`),
  rule(PHONE, { as: hardSpaces }),
  rule(`(?:${D}{1,4}[- \u00a0])?${D}{1,4}(?:\\\\?/|\u2044)${D}{1,4}`, { as: hardSpaces }),
];

/** Quotation marks of all kinds, of which two in a row are one token. */
const QUOTES: Record<string, string> = {
  ...Object.fromEntries([...'`\u0091\u2018\u201b\u2039'].map((mark) => [mark, '`'])),
  ...Object.fromEntries([...'\u0092\u2019\u203a'].map((mark) => [mark, "'"])),
  ...Object.fromEntries([...'\u0093\u201c\u00ab'].map((mark) => [mark, '``'])),
  ...Object.fromEntries([...'\u0094\u201d\u00bb'].map((mark) => [mark, "''"])),
  ...Object.fromEntries([...'\u201a\u201e\u201f'].map((mark) => [mark, mark])),
};

/** Everything else. */
const MARKS_AND_SIGNS: readonly Rule[] = [
  rule(anyCase("('t)(?:is|was)")),
  rule(`(${APOS}(?:${ENDINGS}))(?:[^A-Za-z]|${END})`, { as: plainQuotes }),
  rule(`${APOS}[nN]${APOS}?|${APOS}em|${APOS}[2-9]0s|${APOS}till?|${APOS}til|${APOS}cause`),
  rule(`(${APOS}[0-9][0-9])(?:${BLANK}|${END})`),
  rule(TAG, { as: hardSpaces }),
  rule('[-+]?(?:[0-9]*(?:[.:,\u00ad\u066b\u066c][0-9]+)+|[0-9]+)'),
  // a telephone number, the only token with a bracket
  rule(`\\+${PHONE}`, { as: hardSpaces }),
  rule('\\([0-9]{2,3}\\)[ \u00a0]?[0-9]{3,4}[- \u00a0]?[0-9]{3,5}', {
    as: (found) => hardSpaces(found).replace('(', '-lrb-').replace(')', '-rrb-'),
  }),
  rule(`<${EMAIL}`),
  rule("([<>]?[:;=][-o*']?[()DPdpO\\\\{@|[\\]])(?:[^A-Za-z0-9])", {
    as: (found) => found.replaceAll('(', '-lrb-').replaceAll(')', '-rrb-'),
  }),
  rule(`[-^=~<>'](?:_|&#95;)[-^x=~<>']`),
  rule(`#[${LETTERS}${MARKS}]+|@[A-Za-z_][A-Za-z_0-9]*`),
  rule(`&[aeiouAEIOU](?:acute|grave|uml);(?:${W}|${D})*`),
  rule('&(?:lt|LT);', { as: '<' }),
  rule('&(?:gt|GT);', { as: '>' }),
  rule('&(?:amp|AMP);', { as: '&' }),
  rule('&(?:nbsp|NBSP);', { as: '' }),
  rule('&#[0-9]{2,3};'),
  rule('&quot;(?=[A-Za-z0-9$])', { as: '``' }),
  rule('&quot;', { as: "''" }),
  // quotation marks
  rule('(")[A-Za-z0-9$]', { as: '``' }),
  rule('"', { as: "''" }),
  rule("''"),
  rule("(')[A-Za-z][^ \\t\\r\\n\u00a0]", { as: '`' }),
  rule(`${APOS}(?:${ENDINGS})`, { as: plainQuotes }),
  rule(APOS, { as: "'" }),
  rule(`[${Object.keys(QUOTES).join('')}]{1,2}`, {
    as: (found) => found.replace(/./g, (c) => QUOTES[c] ?? c),
  }),
  // points and strokes
  rule('\\.{3,5}|\\.(?:[ \u00a0]\\.){2,4}|[\u0085\u2026]', { as: '...' }),
  rule('-{2,4}|[\u0096\u0097\u2013-\u2015]', { as: '--' }),
  rule('[?!]+|-{5,}|\\\\[*]|<<|>>|[*]+|_+|#+|@+'),
  rule('\\(', { as: '-lrb-' }),
  rule('\\)', { as: '-rrb-' }),
  rule('\\[', { as: '-lsb-' }),
  rule('\\]', { as: '-rsb-' }),
  rule('\\{', { as: '-lcb-' }),
  rule('\\}', { as: '-rcb-' }),
  // signs
  rule('[\u0080\u00a4\u20a0\u20ac]', { as: '$' }),
  rule('\u00a2', { as: 'cents' }),
  rule('\u00a3', { as: '#' }),
  rule('\u00bc', { as: '1/4' }),
  rule('\u00bd', { as: '1/2' }),
  rule('\u00be', { as: '3/4' }),
  rule('\u2153', { as: '1/3' }),
  rule('\u2154', { as: '2/3' }),
  rule('\u00ad', { as: '-' }),
  rule(`[.,;:?!'&$%*+=~^|/\\\\<>@#_-]|[${SYMBOLS}]`),
];

export const RULES = { words: WORDS, signs: MARKS_AND_SIGNS };
export const FIRST_OF_WORD = new RegExp(`[${LETTERS}${DIGITS}${MARKS}]`, 'u');
export const BLANKS = new RegExp(`${SPACE}+`, 'uy');
export const LINE_END = new RegExp(NEWLINE, 'uy');
