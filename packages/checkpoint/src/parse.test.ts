import { describe, expect, it } from 'vitest';
import { parseSafetensors } from './parse.js';
import { craft, entry, errorOf, sample } from './testing/craft.js';

const text = (s: string) => new TextEncoder().encode(s);
/** A header's text around entries given as JSON, for what JSON.stringify cannot say. */
const a4 = '"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
const aShape = (shape: string) => `{"a":{"dtype":"U8","shape":${shape},"data_offsets":[0,4]}}`;
const aRange = (range: string) => `{"a":{"dtype":"U8","shape":[4],"data_offsets":${range}}}`;

describe('what the format allows', () => {
  it('gives metadata, infos in the order of the data, and values', () => {
    const file = craft(
      {
        __metadata__: { format: 'pt' },
        b: entry('I16', [2], 8, 12),
        a: entry('F32', [2, 1], 0, 8),
      },
      new Uint8Array([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 0xff, 0xff, 5, 0]),
    );
    const parsed = parseSafetensors(file);
    expect(parsed.metadata).toEqual({ format: 'pt' });
    expect([...parsed.tensors.keys()]).toEqual(['a', 'b']);
    expect(parsed.tensors.get('b')).toEqual({
      dtype: 'I16',
      shape: [2],
      byteLength: 4,
      offset: file.length - 4,
    });
    expect(parsed.array('a')).toEqual({ dtype: 'float32', shape: [2, 1], data: new Float32Array([1, -2]) });
    expect(parsed.array('b').data).toEqual(new Int32Array([-1, 5]));
  });

  it('gives bytes that belong to the caller', () => {
    const parsed = parseSafetensors(craft(`{${a4}}`, 4));
    parsed.read('a').bytes.fill(255);
    expect(parsed.read('a').bytes).toEqual(new Uint8Array(4));
  });

  // The official library's own test cases, tensor.rs.
  it.each([
    ['no tensor at all', craft('{}      '), []],
    ['blanks behind the header', craft('{}\r \t\n'), []],
    ['a scalar', craft({ test: entry('I32', [], 0, 4) }, 4), ['test']],
    ['a tensor of no elements', craft({ test: entry('I32', [2, 0], 0, 0) }), ['test']],
    ['F4, two to a byte', craft({ test: entry('F4', [1, 2], 0, 1) }, 1), ['test']],
  ])('reads %s', (_, bytes, names) => {
    expect([...parseSafetensors(bytes).tensors.keys()]).toEqual(names);
  });

  it('takes empty tensors at the begin of, between and behind others, as the official library does', () => {
    const header = {
      full: entry('U8', [4], 0, 4),
      first: entry('F32', [0], 0, 0),
      other: entry('F32', [0, 1099511627776, 1099511627776], 0, 0),
      last: entry('F32', [3, 0], 4, 4),
    };
    const parsed = parseSafetensors(craft(header, 4));
    expect([...parsed.tensors.keys()].at(-1)).toBe('last');
    expect(parsed.array('last')).toEqual({ dtype: 'float32', shape: [3, 0], data: new Float32Array(0) });
  });

  it('keeps names like __proto__ as plain names', () => {
    const parsed = parseSafetensors(
      craft(
        '{"__metadata__":{"__proto__":"x"},"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        1,
      ),
    );
    expect([...parsed.tensors.keys()]).toEqual(['__proto__']);
    expect(Object.keys(parsed.metadata)).toEqual(['__proto__']);
    expect(({} as { dtype?: unknown }).dtype).toBeUndefined();
  });

  it('takes what it does not know inside an entry', () => {
    const header = { a: { ...entry('U8', [1], 0, 1), note: ['x', { y: [1] }] } };
    expect(parseSafetensors(craft(header, 1)).tensors.size).toBe(1);
  });
});

describe('what must be refused', () => {
  it.each<[string, Uint8Array, string, RegExp]>([
    // The file and its length field
    ['an empty file', new Uint8Array(0), 'E_ST_HEADER', /has 0 bytes/],
    ['three bytes', new Uint8Array(3), 'E_ST_HEADER', /has 3 bytes/],
    [
      'a length without header',
      craft('', 0, 2),
      'E_ST_HEADER',
      /header length 2 exceeds the file \(8 bytes\)/,
    ],
    ['header length 0', craft('', 0), 'E_ST_HEADER', /does not start with "\{"/],
    ['a header longer than the file', craft('{}', 0, 3), 'E_ST_HEADER', /header length 3 exceeds/],
    ['header length 2^40', craft('{}', 0, 2n ** 40n), 'E_ST_HEADER', /header length 1099511627776 exceeds/],
    [
      'header length 2^62',
      craft('{}', 0, 2n ** 62n),
      'E_ST_HEADER',
      /header length 4611686018427387904 exceeds/,
    ],
    ['header length 2^64-1', craft('{}', 0, 2n ** 64n - 1n), 'E_ST_HEADER', /18446744073709551615 exceeds/],
    ['100 MB + 1 of header', craft('{}', 1e8, 100_000_001), 'E_ST_HEADER', /limit of 100,000,000 bytes/],
    // The text of the header
    ['a header that is not UTF-8', craft('{}', new Uint8Array([0xff]), 3), 'E_ST_HEADER', /not UTF-8/],
    ['a byte order mark', craft('\ufeff{}'), 'E_ST_HEADER', /does not start/],
    ['a blank before the header', craft(' {}'), 'E_ST_HEADER', /does not start/],
    ['a list as header', craft('[]'), 'E_ST_HEADER', /does not start/],
    ['no JSON', craft('{"a"}'), 'E_ST_HEADER', /not valid JSON/],
    ['a cut header', craft(`{${a4}}`, 4, 30), 'E_ST_HEADER', /not valid JSON/],
    ['something behind the JSON', craft('{}\0'), 'E_ST_HEADER', /not valid JSON/],
    ['a name twice', craft(`{${a4},${a4}}`, 4), 'E_ST_HEADER', /key "a" occurs twice/],
    [
      'a name twice, once escaped',
      craft(`{${a4},${a4.replace('"a"', '"\\u0061"')}}`, 4),
      'E_ST_HEADER',
      /"a" occurs/,
    ],
    [
      'a name twice before blanks',
      craft(`{${a4},${a4.replace('"a":', '"a" \n:')}}`, 4),
      'E_ST_HEADER',
      /"a" occurs/,
    ],
    [
      'two metadata',
      craft('{"__metadata__":{},"__metadata__":{}}'),
      'E_ST_HEADER',
      /"__metadata__" occurs twice/,
    ],
    ['a metadata key twice', craft('{"__metadata__":{"k":"1","k":"2"}}'), 'E_ST_HEADER', /"k" occurs twice/],
    [
      'two dtypes',
      craft('{"a":{"dtype":"U8","dtype":"F32","shape":[4],"data_offsets":[0,4]}}', 4),
      'E_ST_HEADER',
      /twice/,
    ],
    ['half a surrogate pair', craft(`{${a4.replace('"a"', '"\\ud800"')}}`, 4), 'E_ST_HEADER', /surrogate/],
    [
      '200 levels of nesting',
      craft(`{"a":${'['.repeat(200)}${']'.repeat(200)}}`),
      'E_ST_HEADER',
      /128 levels/,
    ],
    ['10^6 levels of nesting', craft(`{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`), 'E_ST_HEADER', /./],
    // Metadata
    ['metadata that is a list', craft({ __metadata__: [] }), 'E_ST_HEADER', /__metadata__ is not an object/],
    ['metadata that is null', craft({ __metadata__: null }), 'E_ST_HEADER', /__metadata__ is not an object/],
    [
      'a number in the metadata',
      craft({ __metadata__: { n: 1 } }),
      'E_ST_HEADER',
      /"n", which is not a string/,
    ],
    // Entries
    ['an entry that is null', craft({ a: null }), 'E_ST_TENSOR', /tensor "a" is not described by an object/],
    ['an entry that is a list', craft({ a: ['U8', [0], [0, 0]] }), 'E_ST_TENSOR', /not described/],
    ['an empty entry', craft({ a: {} }), 'E_ST_TENSOR', /has the dtype undefined/],
    ['an unknown dtype', craft({ a: entry('F33', [1], 0, 4) }, 4), 'E_ST_TENSOR', /dtype "F33"/],
    ['a dtype in lower case', craft({ a: entry('f32', [1], 0, 4) }, 4), 'E_ST_TENSOR', /dtype "f32"/],
    [
      'a dtype out of Object.prototype',
      craft({ a: entry('toString', [0], 0, 0) }),
      'E_ST_TENSOR',
      /dtype "toString"/,
    ],
    ['a shape that is a number', craft(aShape('4'), 4), 'E_ST_TENSOR', /has the shape 4/],
    ['a shape of texts', craft(aShape('["4"]'), 4), 'E_ST_TENSOR', /has the shape \["4"\]/],
    ['a negative dimension', craft(aShape('[-2,-2]'), 4), 'E_ST_TENSOR', /has the shape \[-2,-2\]/],
    ['a fractional dimension', craft(aShape('[4.0]'), 4), 'E_ST_HEADER', /4\.0 is not a plain integer/],
    ['a dimension with an exponent', craft(aShape('[4e0]'), 4), 'E_ST_HEADER', /4e0 is not a plain integer/],
    ['a dimension of -0', craft(aShape('[-0]'), 4), 'E_ST_HEADER', /-0 is not a plain integer/],
    ['an infinite dimension', craft(aShape('[1e999]'), 4), 'E_ST_HEADER', /1e999 is not/],
    ['a dimension beyond 2^53', craft(aShape('[9007199254740993]'), 4), 'E_ST_TENSOR', /has the shape/],
    [
      'a size that overflows to 4 in 64 bits',
      craft({ a: entry('U8', [2 ** 32, 2 ** 32 + 4], 0, 4) }, 4),
      'E_ST_TENSOR',
      /size is beyond/,
    ],
    [
      'a size that overflows before a 0',
      craft({ a: entry('U8', [2 ** 50, 2 ** 50, 0], 0, 0) }),
      'E_ST_TENSOR',
      /size is beyond/,
    ],
    [
      'a size that overflows with the dtype',
      craft({ a: entry('F64', [2 ** 52], 0, 8) }, 8),
      'E_ST_TENSOR',
      /size is beyond/,
    ],
    ['half a byte', craft({ a: entry('F4', [3], 0, 2) }, 2), 'E_ST_TENSOR', /no whole number of bytes/],
    ['a range of one number', craft(aRange('[0]'), 4), 'E_ST_TENSOR', /has the range \[0\]/],
    ['a range of three numbers', craft(aRange('[0,4,4]'), 4), 'E_ST_TENSOR', /has the range \[0,4,4\]/],
    ['a negative range', craft(aRange('[-4,0]'), 4), 'E_ST_TENSOR', /has the range \[-4,0\]/],
    ['a reversed range', craft(aRange('[4,0]'), 4), 'E_ST_TENSOR', /begins at 4, after its end 0/],
    [
      'a shape larger than its range',
      craft({ a: entry('F32', [2], 0, 4) }, 4),
      'E_ST_TENSOR',
      /F32 \[2\] needs 8 bytes, its range \[0,4\) has 4/,
    ],
    [
      'a shape smaller than its range',
      craft({ a: entry('F32', [1], 0, 8) }, 8),
      'E_ST_TENSOR',
      /needs 4 bytes/,
    ],
    [
      'an empty tensor over a full one',
      craft({ a: entry('U8', [4], 0, 4), e: entry('U8', [0], 2, 2) }, 4),
      'E_ST_TENSOR',
      /overlaps/,
    ],
    // How the ranges cover the data
    [
      'an overlap',
      craft({ w: entry('U8', [4100], 0, 4100), b: entry('U8', [96], 4000, 4096) }, 4100),
      'E_ST_TENSOR',
      /tensor "b" \[4000,4096\) overlaps "w" \[0,4100\)/,
    ],
    [
      'ten tensors on the same bytes',
      craft(Object.fromEntries([...'abcdefghij'].map((n) => [n, entry('F32', [2, 2], 0, 16)])), 16),
      'E_ST_TENSOR',
      /overlaps/,
    ],
    [
      'a hole at the start',
      craft({ a: entry('U8', [4], 4, 8) }, 8),
      'E_ST_TENSOR',
      /leaves a hole of 4 bytes before it/,
    ],
    [
      'a hole between tensors',
      craft({ a: entry('U8', [4], 0, 4), b: entry('U8', [4], 5, 9) }, 9),
      'E_ST_TENSOR',
      /"b" \[5,9\) leaves a hole of 1 bytes/,
    ],
    [
      'bytes behind the last tensor',
      craft(`{${a4}}`, 5),
      'E_ST_HEADER',
      /describes 4 bytes of data, the file has 5/,
    ],
    [
      'bytes behind a header of no tensors',
      craft('{}', 1),
      'E_ST_HEADER',
      /describes 0 bytes of data, the file has 1/,
    ],
    ['data cut short', craft(`{${a4}}`, 3), 'E_ST_HEADER', /describes 4 bytes of data, the file has 3/],
    [
      '2^49 bytes claimed',
      craft({ a: entry('U8', [2 ** 49], 0, 2 ** 49) }, 4),
      'E_ST_HEADER',
      /describes 562,949,953,421,312 bytes/,
    ],
  ])('%s', (_, bytes, code, message) => {
    const error = errorOf(() => parseSafetensors(bytes, 'w.safetensors'));
    expect(error).toMatchObject({ code, file: 'w.safetensors', message: expect.stringMatching(message) });
  });

  it('every prefix of a valid file', () => {
    const bytes = sample();
    for (let length = 0; length < bytes.length; length++)
      expect(errorOf(() => parseSafetensors(bytes.subarray(0, length)))).toMatchObject({
        code: expect.stringMatching(/^E_ST_/),
      });
  });

  it('a tensor that is not there, by name', () => {
    expect(errorOf(() => parseSafetensors(sample()).read('toString'))).toMatchObject({ code: 'E_ST_TENSOR' });
  });

  it('and names what else a file may be', () => {
    const hint = (start: string) => errorOf(() => parseSafetensors(text(start))).hint;
    expect(hint('version https://git-lfs.github.com/spec/v1\n')).toMatch(/git lfs pull/);
    expect(hint('PK\x03\x04 and so on')).toMatch(/PyTorch/);
    expect(hint('<!DOCTYPE html>')).toMatch(/web page/);
  });

  it('with names made printable', () => {
    const error = errorOf(() => parseSafetensors(craft({ 'a\u001b[2J': null })));
    expect(error.message).toBe('tensor "a\\u001b[2J" is not described by an object');
  });
});
