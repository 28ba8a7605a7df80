import { createHash } from 'node:crypto';
import { mkdtemp, open, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { floats, ints, type NdArray, ndarray, sizeOf } from '@pengi/core';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { byteLengthOf, DTYPE_BITS, type TensorDtype } from './dtypes.js';
import { floatToBfloat16, floatToHalf } from './float16.js';
import { assertFinite, openSafetensors, type RawTensor, sha256File, writeSafetensors } from './index.js';
import { parseSafetensors } from './parse.js';
import { craft, entry, padded } from './testing/craft.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pengi-checkpoint-'));
  path = join(folder, 'w.safetensors');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('openSafetensors', () => {
  it('gives F32 and I32 as regions of the file, whose data is read when asked for', async () => {
    await writeFile(path, craft(padded({ a: entry('F32', [2], 0, 8), b: entry('I32', [1], 8, 12) }), 12));
    const file = await openSafetensors(path);
    const a = file.array('a');
    expect(a.region).toEqual({ path, offset: file.tensors.get('a')?.offset });
    expect(file.array('b')).toMatchObject({ dtype: 'int32', region: { path } });
    expect(a.data).toEqual(new Float32Array(2));
    expect(a.data).not.toBe(a.data);
    file.close();
    expect(a.data).toEqual(new Float32Array(2));
  });

  it('gives what cannot be mapped as plain arrays: other dtypes, nothing, odd addresses', async () => {
    const header = {
      half: entry('F16', [1], 0, 2),
      odd: entry('F32', [1], 2, 6),
      none: entry('F32', [0], 0, 0),
    };
    const bytes = new Uint8Array([0, 0x3c, 0, 0, 0x80, 0x3f]);
    await writeFile(path, craft(padded(header), bytes));
    const file = await openSafetensors(path);
    expect(file.array('half')).toEqual(floats([1]));
    expect(file.array('odd')).toEqual(floats([1]));
    expect(file.array('none')).toEqual(floats([]));
    for (const name of file.tensors.keys()) expect(file.array(name).region).toBeUndefined();
  });

  it('gives an absolute path for a relative one', async () => {
    await writeFile(path, craft(padded({ a: entry('F32', [1], 0, 4) }), 4));
    const file = await openSafetensors(relative(process.cwd(), path));
    expect(file.array('a').region?.path).toBe(path);
  });

  it('notices that the file has changed', async () => {
    const bytes = craft(padded({ a: entry('F32', [1], 0, 4) }), 4);
    await writeFile(path, bytes);
    const a = (await openSafetensors(path)).array('a');
    await writeFile(path, bytes);
    await utimes(path, 1, 1);
    expect(() => a.data).toThrow(expect.objectContaining({ code: 'E_IO', file: path }));
    await rm(path);
    expect(() => a.data).toThrow(expect.objectContaining({ code: 'E_NOT_FOUND' }));
  });

  it.each([
    ['nothing', () => join(folder, 'no.safetensors'), 'E_NOT_FOUND'],
    ['a folder', () => folder, 'E_NOT_FOUND'],
    ['an endless device', () => '/dev/zero', 'E_NOT_FOUND'],
  ])('refuses %s', async (_, name, code) => {
    await expect(openSafetensors(name())).rejects.toMatchObject({ code });
  });

  it('refuses a damaged file, naming it', async () => {
    await writeFile(path, craft({ a: entry('F32', [2], 0, 8) }, 7));
    await expect(openSafetensors(path)).rejects.toMatchObject({ code: 'E_ST_HEADER', file: path });
    await writeFile(path, '');
    await expect(openSafetensors(path)).rejects.toMatchObject({ code: 'E_ST_HEADER', file: path });
  });
});

describe('writeSafetensors', () => {
  it('gives back what was written, for every dtype and shape', async () => {
    const dtype = fc.constantFrom(...(Object.keys(DTYPE_BITS) as TensorDtype[]));
    const shape = fc.array(fc.nat(5), { maxLength: 4 });
    const tensor = fc
      .tuple(dtype, shape)
      .filter(([dtype, shape]) => byteLengthOf(dtype, shape) !== undefined)
      .chain(([dtype, shape]) => {
        const length = byteLengthOf(dtype, shape) ?? 0;
        const bytes = fc.uint8Array({ minLength: length, maxLength: length });
        return bytes.map((bytes): RawTensor => ({ dtype, shape, bytes }));
      });
    const name = fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__');
    const metadata = fc.dictionary(name, fc.string({ unit: 'grapheme' }), { maxKeys: 3 });
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, tensor, { maxKeys: 6 }), metadata, async (tensors, metadata) => {
        await writeSafetensors(path, tensors, metadata);
        const file = await openSafetensors(path);
        expect(new Set(file.tensors.keys())).toEqual(new Set(Object.keys(tensors)));
        for (const [name, tensor] of Object.entries(tensors)) expect(file.read(name)).toEqual(tensor);
        expect(Object.entries(file.metadata)).toEqual(Object.entries(metadata));
      }),
      { seed: 7, numRuns: 60 },
    );
  });

  it('gives arrays back as they were, NaN and infinities too', async () => {
    const shape = fc.array(fc.nat(4), { maxLength: 3 });
    const array = shape.chain((shape) => {
      const length = { minLength: sizeOf(shape), maxLength: sizeOf(shape) };
      return fc.oneof(
        fc.float32Array(length).map((data): NdArray => ndarray('float32', shape, data)),
        fc.int32Array(length).map((data): NdArray => ndarray('int32', shape, data)),
        fc.uint8Array({ ...length, max: 1 }).map((data): NdArray => ndarray('bool', shape, data)),
      );
    });
    await fc.assert(
      fc.asyncProperty(fc.array(array, { maxLength: 6 }), async (arrays) => {
        await writeSafetensors(path, Object.fromEntries(arrays.entries()));
        const file = await openSafetensors(path);
        for (const [i, { dtype, shape, data }] of arrays.entries()) {
          const back = file.array(String(i));
          expect({ dtype: back.dtype, shape: back.shape, data: back.data }).toEqual({ dtype, shape, data });
        }
      }),
      { seed: 8, numRuns: 60 },
    );
  });

  it('starts the data at a multiple of 64 and puts wide types first, then orders by name', async () => {
    await writeSafetensors(path, {
      mask: ndarray('bool', [1], Uint8Array.of(1)),
      b: floats([1, 2]),
      wide: { dtype: 'I64', shape: [1], bytes: new Uint8Array(8) },
      a: floats([3]),
      '2': ints([4]),
    });
    const file = parseSafetensors(await readFile(path));
    expect([...file.tensors.keys()]).toEqual(['wide', 'a', 'b', '2', 'mask']);
    expect((file.tensors.get('wide')?.offset ?? 1) % 64).toBe(0);
  });

  it('reports size and SHA-256 of the file', async () => {
    const written = await writeSafetensors(path, { a: floats([1, 2, 3]) });
    const bytes = await readFile(path);
    expect(written).toEqual({
      byteLength: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    expect(await sha256File(path)).toBe(written.sha256);
  });

  it.each([
    ['F16', floatToHalf],
    ['BF16', floatToBfloat16],
  ] as const)('rounds float32 to %s and leaves other arrays alone', async (dtype, round) => {
    const values = Float32Array.of(0.1, -3.3, 65504, Number.NaN, Number.POSITIVE_INFINITY);
    await writeSafetensors(path, { w: floats(values), n: ints([1 << 30]) }, {}, { dtype });
    const file = await openSafetensors(path);
    expect(file.read('w')).toMatchObject({ dtype, bytes: new Uint8Array(round(values).buffer) });
    expect(file.array('n').data[0]).toBe(1 << 30);
  });

  it('refuses to turn a number into infinity', async () => {
    const failing = writeSafetensors(path, { w: floats([1, 70000]) }, {}, { dtype: 'F16' });
    await expect(failing).rejects.toMatchObject({
      code: 'E_ST_TENSOR',
      message: 'tensor "w" holds 70000, beyond the 65,504 of F16',
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('keeps the old file when it fails half way', async () => {
    await writeSafetensors(path, { a: floats([1]) });
    const bad: RawTensor = { dtype: 'F32', shape: [2], bytes: new Uint8Array(4) };
    const failing = writeSafetensors(path, { b: floats(new Float32Array(1000)), z: bad });
    await expect(failing).rejects.toMatchObject({ code: 'E_ST_TENSOR' });
    expect([...(await openSafetensors(path)).tensors.keys()]).toEqual(['a']);
    expect(await readdir(folder)).toEqual(['w.safetensors']);
  });

  it('tells of a disk that fails while more is written, though its last sync is fine', async () => {
    const probe = await open(folder, 'r');
    const datasync = vi.spyOn(Object.getPrototypeOf(probe), 'datasync');
    await probe.close();
    datasync.mockRejectedValueOnce(Object.assign(new Error('no space left'), { code: 'ENOSPC' }));
    const large = { dtype: 'U8' as const, shape: [2 ** 28], bytes: new Uint8Array(2 ** 28) };
    try {
      await expect(writeSafetensors(path, { large })).rejects.toMatchObject({ code: 'E_DISK_FULL' });
      expect(datasync).toHaveBeenCalled();
    } finally {
      datasync.mockRestore();
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it('copies file-backed arrays, onto their own file as well', async () => {
    await writeSafetensors(path, { a: floats([1, 2]), b: ints([3]) });
    const file = await openSafetensors(path);
    await writeSafetensors(path, { a: file.array('a'), c: file.array('b') });
    const copy = await openSafetensors(path);
    expect([copy.array('a').data, copy.array('c').data]).toEqual([Float32Array.of(1, 2), Int32Array.of(3)]);
  });

  it.each([
    ['the name of the metadata', { __metadata__: floats([1]) }],
    ['a name that is no text', { '\ud800': floats([1]) }],
    ['a shape without a size', { a: { dtype: 'F32' as const, shape: [-1], bytes: new Uint8Array(0) } }],
    ['a fractional shape', { a: { dtype: 'F32' as const, shape: [0.5, 2], bytes: new Uint8Array(4) } }],
  ])('refuses %s', async (_, tensors) => {
    await expect(writeSafetensors(path, tensors)).rejects.toMatchObject({ code: 'E_ST_TENSOR' });
    expect(await readdir(folder)).toEqual([]);
  });

  it('says that the folder is missing', async () => {
    await expect(writeSafetensors(join(folder, 'no', 'w'), {})).rejects.toMatchObject({
      code: 'E_CANNOT_CREATE',
    });
  });
});

describe('assertFinite', () => {
  it('names the first value that is no number', () => {
    const moments = { m: [floats([0, 1]), floats([0, Number.NaN])] };
    expect(() => assertFinite(moments, 'the optimizer state')).toThrow(
      'the optimizer state: m.1 holds NaN at 1',
    );
    expect(() => assertFinite({ steps: ints([1]), w: floats([1]) })).not.toThrow();
  });
});

it('sha256File agrees with the published digest of "abc"', async () => {
  await writeFile(path, 'abc'); // FIPS 180-2, appendix B.1
  expect(await sha256File(path)).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  await expect(sha256File(join(folder, 'no'))).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
});
