import { TARGETS } from '@pengi/datasets';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLabel, readNote, readRegister } from '../index.js';

const INSTRUMENTS = ['acoustic guitar', 'bass clarinet', 'cello', 'clarinet', 'violin'];

describe('readNote', () => {
  it.each([
    ['produced by violin, pitch 64', 'violin', 64],
    ['produced by violin, pitch 6 4', 'violin', 64],
    ['produced by violin, pitch 1 0 8, velocity 1 0 0', 'violin', 108],
    ['produced by violin, pitch six four', 'violin', 64],
    ['Produced by a Bass-Clarinet pitch: 40.', 'bass clarinet', 40],
    ['produced by violin, pitch is 0', 'violin', 0],
    ['a note produced by cello , pitch of 127 . loud', 'cello', 127],
    ['produced by cello, pitch 64. 3 seconds', 'cello', 64],
    ['produced by cello, pitch 40, pitch 50', 'cello', 40],
    ['high pitch, produced by cello, pitch 80', 'cello', 80],
    ['produced by a kazoo, pitch 60', 'kazoo', 60],
    // what cannot be read is null, and does not spoil the rest
    ['produced by violin, pitch', 'violin', null],
    ['produced by violin', 'violin', null],
    ['produced by , pitch 60', null, 60],
    ['produced by violin, pitch 128', 'violin', null],
    ['produced by violin, pitch 6 4 6 4', 'violin', null],
    ['produced by violin, pitch 60.5', 'violin', null],
    ['produced by violin, pitch -5', 'violin', null],
    ['pitch 64', null, 64],
    ['a violin plays', null, null],
    ['', null, null],
  ])('%j is %j, pitch %j', (text, instrument, pitch) => {
    expect(readNote(text)).toEqual({ instrument, pitch });
  });

  it('reads back what the template writes, also with the digits apart', () => {
    fc.assert(
      fc.property(fc.constantFrom(...INSTRUMENTS), fc.integer({ min: 0, max: 127 }), (instrument, pitch) => {
        const text = TARGETS.note({ instrument, pitch, more: ['velocity 100'] });
        expect(readNote(text)).toEqual({ instrument, pitch });
        expect(readNote(text.replace(/\d(?=\d)/g, '$& '))).toEqual({ instrument, pitch });
      }),
      { seed: 1 },
    );
  });
});

describe('readRegister', () => {
  it.each([
    ['produced by cello, pitch 51', 'low'],
    ['produced by cello, pitch 5 2', 'middle'],
    ['produced by cello, pitch 64', 'middle'],
    ['produced by cello, pitch 65', 'high'],
    ['a low note of a cello', 'low'],
    ['the register is middle.', 'middle'],
    ['High', 'high'],
    ['a high note, pitch 40', 'low'],
    ['low or high', null],
    ['a slow note', null],
    ['produced by cello', null],
  ])('%j is %j', (text, expected) => {
    expect(readRegister(text)).toBe(expected);
  });
});

describe('readLabel', () => {
  it.each([
    ['violin', 'violin'],
    ['It is a Violin!', 'violin'],
    ['acoustic_guitar', 'acoustic guitar'],
    ['a bass clarinet', 'bass clarinet'],
    ['clarinet, not a bass', 'clarinet'],
    ['cello cello', 'cello'],
    ['a cello or a violin', null],
    ['bass clarinet and clarinet', null],
    ['violins', null],
    ['guitar', null],
    ['', null],
  ])('%j names %j', (text, expected) => {
    expect(readLabel(text, INSTRUMENTS)).toBe(expected);
  });

  it('prefers longer names in whatever order the labels are', () => {
    expect(readLabel('a bass clarinet', [...INSTRUMENTS].reverse())).toBe('bass clarinet');
  });

  it('gives the label as it was given, and never an empty one', () => {
    expect(readLabel('the french horn', ['French-Horn', ''])).toBe('French-Horn');
  });
});
