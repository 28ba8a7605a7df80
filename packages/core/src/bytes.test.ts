import { expect, it } from 'vitest';
import { formatBytes } from './index.js';

it.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1000, '1.0 kB'],
  [548_105_171, '548 MB'],
  [999_700, '1.0 MB'],
  [2_200_000_000, '2.2 GB'],
])('%d is %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
