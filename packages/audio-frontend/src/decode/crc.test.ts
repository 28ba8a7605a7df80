import { expect, it } from 'vitest';
import { latin } from '../testing/helpers.js';
import { crc8, crc16, crc16Reflected, crc32 } from './crc.js';

const digits = Uint8Array.from(latin('123456789'));

// Check values of the catalogue of parametrised CRC algorithms (reveng): CRC-8/SMBUS, CRC-16/UMTS, CRC-16/ARC; the
// last is CRC-32/CKSUM (765e7680) before its final inversion.
it.each([
  ['crc8', crc8, 0xf4],
  ['crc16', crc16, 0xfee8],
  ['crc16Reflected', crc16Reflected, 0xbb3d],
  ['crc32', crc32, 0x89a1897f],
])('%s has its published check value', (_name, crc, check) => {
  expect(crc(digits, 0, 9)).toBe(check);
  expect(crc(digits, 4, 9, crc(digits, 0, 4))).toBe(check);
});
