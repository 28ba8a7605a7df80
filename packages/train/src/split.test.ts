import { floats, pathMatcher } from '@pengi/core';
import { describe, expect, it } from 'vitest';
import { mergeParams, splitParams } from './index.js';

const tree = { encoder: { weight: floats([1]), bias: floats([2]) }, heads: [{ weight: floats([3]) }] };

describe('splitParams and mergeParams', () => {
  it('take a tree apart by pattern and put it together again', () => {
    const parts = splitParams(tree, pathMatcher(['encoder']));
    expect(Object.keys(parts.frozen)).toEqual(['encoder.weight', 'encoder.bias']);
    expect(Object.keys(parts.trainable)).toEqual(['heads.0.weight']);
    expect(mergeParams(tree, parts.frozen, parts.trainable)).toEqual(tree);
  });

  it('take the last part that has a path', () => {
    const all = splitParams(tree, () => true).frozen;
    const merged = mergeParams<typeof tree>(tree, all, { 'encoder.bias': floats([9]) });
    expect([merged.encoder.bias.data[0], merged.encoder.weight.data[0]]).toEqual([9, 1]);
  });

  it('name a path that no part has', () => {
    expect(() => mergeParams(tree, splitParams(tree, pathMatcher(['heads'])).frozen)).toThrow(
      /no value for the parameter encoder\.weight/,
    );
  });
});
