import { PengiError } from '@pengi/core';

const NAMES = ['C', 'C#', 'D', 'D#', 'E', 'F', 'F#', 'G', 'G#', 'A', 'A#', 'B'];

/** The name of a MIDI pitch: 58 is "A#3", 60 is "C4". */
export function pitchName(midi: number): string {
  return `${NAMES[((midi % 12) + 12) % 12]}${Math.floor(midi / 12) - 1}`;
}

/** The MIDI pitch of a name such as "C4", "A#3" or "As3". @throws PengiError E_DATA for anything else */
export function parsePitch(name: string): number {
  const [, letter = '', octave = ''] = /^([A-G][s#]?)(-?\d)$/.exec(name) ?? [];
  const step = NAMES.indexOf(letter.replace('s', '#'));
  if (step < 0) throw new PengiError('E_DATA', `"${name}" is no pitch such as C4 or A#3`);
  return (Number(octave) + 1) * 12 + step;
}

/** Where a note lies: below E3 (52), up to E4 (64), or above. */
export function register(midi: number): 'low' | 'middle' | 'high' {
  if (midi < 52) return 'low';
  return midi <= 64 ? 'middle' : 'high';
}
