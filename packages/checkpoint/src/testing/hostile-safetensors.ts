import { craft, entry } from './craft.js';

/** A header's text around entries given as JSON, for what JSON.stringify cannot say. */
const a4 = '"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
const aShape = (shape: string) => `{"a":{"dtype":"U8","shape":${shape},"data_offsets":[0,4]}}`;
const aRange = (range: string) => `{"a":{"dtype":"U8","shape":[4],"data_offsets":${range}}}`;

/** Files that must be refused: what they are, their bytes, the error's code and message. */
export const HOSTILE_SAFETENSORS: readonly (readonly [
  what: string,
  bytes: Uint8Array,
  code: string,
  message: RegExp,
])[] = [
  // The file and its length field
  ['an empty file', new Uint8Array(0), 'E_ST_HEADER', /has 0 bytes/],
  ['three bytes', new Uint8Array(3), 'E_ST_HEADER', /has 3 bytes/],
  ['a length without header', craft('', 0, 2), 'E_ST_HEADER', /header length 2 exceeds the file \(8 bytes\)/],
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
  ['200 levels of nesting', craft(`{"a":${'['.repeat(200)}${']'.repeat(200)}}`), 'E_ST_HEADER', /128 levels/],
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
];
