import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePitch, pitchName, register } from './pitch.js';
import { failure } from './testing/files.js';

describe('pitch names', () => {
  // MIDI's own numbers: A4 is 69, middle C 60, the piano goes from 21 to 108.
  it.each([
    [69, 'A4'],
    [60, 'C4'],
    [58, 'A#3'],
    [21, 'A0'],
    [108, 'C8'],
    [0, 'C-1'],
    [127, 'G9'],
  ])('%d is %s', (midi, name) => {
    expect(pitchName(midi)).toBe(name);
    expect(parsePitch(name)).toBe(midi);
  });

  it('may have an s for the sharp, as file names do', () => {
    expect(parsePitch('As3')).toBe(58);
  });

  it('come back from their numbers', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 127 }), (midi) => {
        expect(parsePitch(pitchName(midi))).toBe(midi);
      }),
      { seed: 1 },
    );
  });

  it.each(['', 'H4', 'C', '4', 'Es4', 'Bs3', 'c4', 'C4 v2', 'C10'])('"%s" is none', async (name) => {
    expect(await failure(() => parsePitch(name))).toMatchObject({ code: 'E_DATA' });
  });
});

describe('register', () => {
  it.each([
    [28, 'low'],
    [51, 'low'],
    [52, 'middle'],
    [64, 'middle'],
    [65, 'high'],
    [96, 'high'],
  ] as const)('of %d is %s', (midi, expected) => {
    expect(register(midi)).toBe(expected);
  });
});
