import { register } from '@pengi/datasets';

export type Register = ReturnType<typeof register>;

export const REGISTERS: readonly Register[] = ['low', 'middle', 'high'];

export interface NoteReading {
  readonly instrument: string | null;
  /** MIDI, 0 … 127 */
  readonly pitch: number | null;
}

/**
 * What a text says about a note, in the template of the paper's Table 1: "produced by violin, pitch 64". The pitch may have
 * its digits apart ("6 4") or spelt out ("six four"), as small vocabularies have them. Whatever else the text holds is passed
 * over; a part that is missing, cut off or impossible (a pitch of 200, of 60.5) is null, never a guess.
 */
export function readNote(text: string): NoteReading {
  const instrument = /\bproduced by\s+([^,.;:!?\n]+)/i.exec(text)?.[1]?.replace(/\bpitch\b.*/is, '');
  return {
    instrument: instrument === undefined ? null : wording(instrument) || null,
    pitch: readPitch(text),
  };
}

/**
 * The register a text tells: that of its pitch, otherwise the one register it names ("a low note"). Null for several.
 */
export function readRegister(text: string): Register | null {
  const { pitch } = readNote(text);
  if (pitch !== null) return register(pitch);
  const words = new Set(wording(text).split(' '));
  const named = REGISTERS.filter((name) => words.has(name));
  return named.length === 1 ? (named[0] ?? null) : null;
}

/**
 * The one of `labels` that a text names, as whole words and without regard to case, hyphens and underscores. A label inside
 * a longer one that is named does not count ("clarinet" in "bass clarinet"). Null when none or several are named.
 */
export function readLabel(text: string, labels: readonly string[]): string | null {
  const longestFirst = [...labels].sort((a, b) => wording(b).length - wording(a).length);
  let rest = ` ${wording(text)} `;
  const named = longestFirst.filter((label) => {
    const words = ` ${wording(label)} `;
    if (words === '  ' || !rest.includes(words)) return false;
    rest = rest.replaceAll(words, ' | ');
    return true;
  });
  return named.length === 1 ? (named[0] as string) : null;
}

/** Lower case, words apart by one space, without punctuation and a leading article: what texts are compared by. */
export function wording(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}#]+/gu, ' ')
    .trim()
    .replace(/^(?:an?|the) (?=\S)/, '');
}

const DIGIT_WORDS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];

function readPitch(text: string): number | null {
  const digits = text.replace(new RegExp(`\\b(?:${DIGIT_WORDS.join('|')})\\b`, 'gi'), (word) =>
    String(DIGIT_WORDS.indexOf(word.toLowerCase())),
  );
  // A point counts as part of the number only where a digit follows: "pitch 64." ends a sentence.
  const number = /\bpitch\b[\s:=]*(?:(?:is|of)\s+)?(\d(?:\s*\d|\.(?=\d))*)/i.exec(digits)?.[1];
  const compact = number?.replace(/\s+/g, '');
  if (compact === undefined || !/^\d{1,3}$/.test(compact)) return null;
  const pitch = Number(compact);
  return pitch <= 127 ? pitch : null;
}
