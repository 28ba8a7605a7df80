import { describe, expect, it } from 'vitest';
import { parseSafetensors } from './parse.js';
import { craft, entry, errorOf, sample } from './testing/craft.js';
import { HOSTILE_SAFETENSORS } from './testing/hostile-safetensors.js';

const text = (s: string) => new TextEncoder().encode(s);
/** A header's text around entries given as JSON, for what JSON.stringify cannot say. */
const a4 = '"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';

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
  it.each(HOSTILE_SAFETENSORS)('%s', (_, bytes, code, message) => {
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
