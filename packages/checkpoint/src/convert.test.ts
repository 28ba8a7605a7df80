import { describe, expect, it } from 'vitest';
import { toNdArray } from './convert.js';
import { ARRAY_DTYPES, DTYPE_BITS, type TensorDtype } from './dtypes.js';
import { parseSafetensors } from './parse.js';
import { craft, entry, errorOf } from './testing/craft.js';

describe('values that do not fit', () => {
  it.each<[string, string, number[]]>([
    ['2^31 in I64', 'I64', [0, 0, 0, 0x80, 0, 0, 0, 0]],
    ['-2^31-1 in I64', 'I64', [0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff]],
    ['2^63 in U64', 'U64', [0, 0, 0, 0, 0, 0, 0, 0x80]],
    ['2^31 in U32', 'U32', [0, 0, 0, 0x80]],
    ['1e300 in F64', 'F64', [0x9c, 0x75, 0, 0x88, 0x3c, 0xe4, 0x37, 0x7e]],
    ['2 in BOOL', 'BOOL', [2]],
    ['F8_E4M3, which has no array type', 'F8_E4M3', [0]],
    ['C64, which has no array type', 'C64', [0, 0, 0, 0, 0, 0, 0, 0]],
  ])('%s is refused, its bytes can be read', (_, dtype, bytes) => {
    const file = parseSafetensors(craft({ x: entry(dtype, [1], 0, bytes.length) }, new Uint8Array(bytes)));
    expect(errorOf(() => file.array('x'))).toMatchObject({ code: 'E_ST_TENSOR' });
    expect([...file.read('x').bytes]).toEqual(bytes);
  });

  it.each<[string, string, number[], number]>([
    ['-2^31', 'I64', [0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0xff], -(2 ** 31)],
    ['2^31-1', 'U64', [0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0], 2 ** 31 - 1],
    ['infinity', 'F64', [0, 0, 0, 0, 0, 0, 0xf0, 0x7f], Number.POSITIVE_INFINITY],
    ['-1', 'I8', [0xff], -1],
    ['255', 'U8', [0xff], 255],
    ['65535', 'U16', [0xff, 0xff], 65535],
    ['true', 'BOOL', [1], 1],
  ])('%s of %s fits', (_, dtype, bytes, value) => {
    const file = parseSafetensors(craft({ x: entry(dtype, [1], 0, bytes.length) }, new Uint8Array(bytes)));
    expect(file.array('x').data[0]).toBe(value);
  });
});

it('every dtype with an array type is converted', () => {
  for (const dtype of Object.keys(ARRAY_DTYPES) as TensorDtype[]) {
    const file = parseSafetensors(
      craft({ x: entry(dtype, [2], 0, DTYPE_BITS[dtype] / 4) }, DTYPE_BITS[dtype] / 4),
    );
    expect(file.array('x')).toMatchObject({ dtype: ARRAY_DTYPES[dtype], shape: [2] });
  }
});

it('bytes that do not fill the shape are refused, bytes at an odd address are taken', () => {
  const bytes = new Uint8Array([9, 0, 0, 0x80, 0x3f]).subarray(1);
  expect(toNdArray({ dtype: 'F32', shape: [1], bytes }, 'x').data).toEqual(Float32Array.of(1));
  expect(errorOf(() => toNdArray({ dtype: 'F32', shape: [2], bytes }, 'x'))).toMatchObject({
    code: 'E_ST_TENSOR',
  });
});
