import { describe, expect, it } from 'vitest';
import { checkText, createIdMap, MAX_TEXT_BYTES } from './index.js';

describe('checkText', () => {
  it('counts bytes of UTF-8, not characters', () => {
    expect(() => checkText('a'.repeat(MAX_TEXT_BYTES))).not.toThrow();
    expect(() => checkText('a'.repeat(MAX_TEXT_BYTES + 1))).toThrow(/longer than 32768 bytes/);
    expect(() => checkText('\u00e9'.repeat(MAX_TEXT_BYTES / 2 + 1))).toThrow(/longer than 32768 bytes/);
  });

  it.each([undefined, null, 5, ['a'], {}])('refuses %j', (value) => {
    expect(() => checkText(value)).toThrow(/^expected a text, found /);
  });
});

describe('createIdMap', () => {
  const map = createIdMap([2, 5, 9], 10);

  it('renumbers the kept ids in their order, both ways', () => {
    expect([2, 5, 9].map(map.small)).toEqual([0, 1, 2]);
    expect([0, 1, 2].map(map.toLarge)).toEqual([2, 5, 9]);
    expect(map.toSmall([{ text: 'ab', ids: [9, 2] }])).toEqual([{ text: 'ab', ids: [2, 0] }]);
  });

  it('names the pieces that need other ids, printable and each once', () => {
    const unknown = [' x', 'x', ' x', '\u001b[31m'].map((text) => ({ text, ids: [2, 3] }));
    const pieces = [...unknown, { text: 'y', ids: [2] }];
    expect(() => map.toSmall(pieces)).toThrow(/^this model does not know " x", "x", "\\u001b\[31m"$/);
  });

  it.each([[[]], [[5, 2]], [[2, 2]], [[-1, 2]], [[2, 10]], [[2.5]]])('refuses to keep %j of 10', (ids) => {
    expect(() => createIdMap(ids, 10)).toThrow(/^keptIds: expected ascending integers below 10, found /);
  });

  it('refuses small ids beyond its size', () => {
    expect(() => map.toLarge(3)).toThrow('token id 3 is outside 0 … 2');
    expect(() => map.toLarge(-1)).toThrow('token id -1 is outside 0 … 2');
  });
});
