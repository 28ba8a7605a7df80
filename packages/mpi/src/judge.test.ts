import { describe, expect, it } from 'vitest';
import { heardFrom, judge, type Place } from './judge.js';

const LIMITS = { silentSeconds: 30, stuckSeconds: 600 };
const NOW = 1_000_000;
const place = (changed: Partial<Place> = {}): Place => ({
  heard: NOW,
  sequence: 9,
  inside: false,
  collective: 0,
  since: NOW,
  gone: false,
  ...changed,
});

describe('judge', () => {
  it('finds nothing where all have been heard', () => {
    expect(judge([place(), place({ heard: NOW - 30_000 })], NOW, LIMITS)).toBeUndefined();
    expect(judge([undefined, undefined], NOW, LIMITS)).toBeUndefined();
  });

  it('names a silent process, and where the job stands', () => {
    const places = [place({ sequence: 12, inside: true, collective: 3 }), place({ heard: NOW - 31_500 })];
    expect(judge(places, NOW, LIMITS)).toEqual({
      rank: 1,
      reason: 'silent',
      seconds: 31,
      sequence: 12,
      collective: 3,
    });
  });

  it('names a lost connection at once', () => {
    const places = [place(), undefined, place({ gone: true, heard: NOW - 400 })];
    expect(judge(places, NOW, LIMITS)).toMatchObject({ rank: 2, reason: 'gone', seconds: 0 });
  });

  it('names a process that lives, but does not come to where the others wait', () => {
    const waiting = place({ sequence: 12, inside: true, since: NOW - 601_000 });
    expect(judge([waiting, place({ sequence: 11 })], NOW, LIMITS)).toMatchObject({
      rank: 1,
      reason: 'stuck',
      seconds: 601,
    });
    expect(
      judge([{ ...waiting, since: NOW - 599_000 }, place({ sequence: 11 })], NOW, LIMITS),
    ).toBeUndefined();
    expect(judge([waiting, place({ sequence: 12, inside: true })], NOW, LIMITS)).toBeUndefined();
  });
});

describe('heardFrom', () => {
  it('remembers since when a process is where it is', () => {
    const first = heardFrom('4 1 2', undefined, 100)!;
    expect(first).toEqual({ heard: 100, sequence: 4, inside: true, collective: 2, since: 100, gone: false });
    expect(heardFrom('4 1 2', first, 900)).toMatchObject({ heard: 900, since: 100 });
    expect(heardFrom('4 0 2', first, 900)).toMatchObject({ heard: 900, since: 900 });
  });

  it.each(['', '4 1', '4 2 0', '-1 0 0', 'GET / HTTP/1.1'])('takes %o for nothing', (line) => {
    expect(heardFrom(line, undefined, 1)).toBeUndefined();
  });
});
