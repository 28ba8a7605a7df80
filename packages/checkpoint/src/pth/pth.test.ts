/** Readers of PyTorch files, format by format: long, as the formats share their fixtures. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSafetensors, writeSafetensors } from '../index.js';
import {
  type Bytes,
  call,
  dict,
  float,
  global,
  hooks,
  int,
  ints,
  join,
  list,
  no,
  none,
  pickle,
  raw,
  storage,
  tensor,
  text,
  tuple,
  u32,
  yes,
} from '../testing/craft-pickle.js';
import {
  craftLegacy,
  craftPth,
  craftZip,
  f32,
  legacyStorage,
  pthEntries,
  samplePickle,
  u16,
  u64,
} from '../testing/craft-pth.js';
import { openPth } from './index.js';

let folder: string;
let path: string;
beforeAll(() => {
  folder = mkdtempSync(joinPath(tmpdir(), 'pengi-pth-'));
  path = joinPath(folder, 'w.pth');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function openBytes(bytes: Bytes, options?: Parameters<typeof openPth>[1]) {
  writeFileSync(path, bytes);
  return openPth(path, options);
}
/** The tensor "w" of a checkpoint that holds it alone. */
async function read(value: Bytes, storages?: Record<string, Bytes>) {
  return (await openBytes(craftPth(pickle(dict(['w', value])), storages))).read('w');
}
const v2 = 'torch._utils._rebuild_tensor_v2';
const v2Arguments = [storage(), int(0), ints(4), ints(1), no, hooks];

describe.each([
  ['zip', craftPth(samplePickle())],
  ['zip as other tools write it', craftZip(pthEntries(samplePickle()), { asTorch: false }).bytes],
  ['legacy', craftLegacy(samplePickle(true))],
])('a %s file', (_, bytes) => {
  it('gives tensors by name, their storage, and the plain values beside them', async () => {
    const file = await openBytes(bytes);
    expect(file).toMatchObject({ path, root: ['model'], metadata: {} });
    expect(file.values).toEqual(new Map([['epoch', 3]]));
    expect([...file.tensors.keys()]).toEqual(['w', 'v']);
    expect(file.tensors.get('v')).toEqual({
      dtype: 'F32',
      shape: [2, 2],
      byteLength: 16,
      storage: { key: '0', start: 0 },
    });
    expect(file.array('w').data).toEqual(Float32Array.of(1, 2, 3, 4));
    expect(file.array('v')).toEqual({ dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 3, 2, 4) });
    expect(() => file.read('x')).toThrow('tensor "x" is not among the 2 of this file');
    file.close();
  });

  it('is noticed to have changed', async () => {
    const file = await openBytes(bytes);
    utimesSync(path, 1, 1);
    expect(() => file.read('w')).toThrow(expect.objectContaining({ code: 'E_IO' }));
  });

  it('is refused when cut', async () => {
    for (let length = 0; length < bytes.length; length += 13)
      await expect(openBytes(bytes.subarray(0, length)), `${length} bytes`).rejects.toMatchObject({
        code: 'E_CHECKPOINT',
      });
  });
});

it('the stride of a dimension of 1 does not matter', async () => {
  const row = tensor({ size: ints(1, 4), stride: ints(99, 1) });
  expect((await openBytes(craftPth(pickle(dict(['w', row]))))).array('w').region).toBeDefined();
});

it('float32 that lies in order is a region of the file, for engines that map it', async () => {
  const part = tensor({ offset: int(1), size: ints(2) });
  const file = await openBytes(craftPth(pickle(dict(['w', tensor()], ['part', part]))));
  const bytes = readFileSync(path);
  for (const [name, values] of Object.entries({ w: [1, 2, 3, 4], part: [2, 3] })) {
    const { region, data } = file.array(name);
    expect(data).toEqual(Float32Array.from(values));
    expect(region).toEqual({ path, offset: file.tensors.get(name)?.offset });
    expect(values.map((_, i) => bytes.readFloatLE((region?.offset ?? 0) + 4 * i))).toEqual(values);
  }
  expect((file.tensors.get('w')?.offset ?? 1) % 64).toBe(0);
});

describe('element types', () => {
  it.each([
    ['Float', f32(1.5), 'F32', [1.5]],
    ['Half', u16(0x3e00), 'F16', [1.5]],
    ['BFloat16', u16(0x3fc0), 'BF16', [1.5]],
    ['Double', new Uint8Array(Float64Array.of(1.5).buffer), 'F64', [1.5]],
    ['Long', u64(7), 'I64', [7]],
    ['Int', u32(7), 'I32', [7]],
    ['Short', u16(0xffff), 'I16', [-1]],
    ['Char', raw(0xff), 'I8', [-1]],
    ['Byte', raw(0xff), 'U8', [255]],
    ['Bool', raw(1), 'BOOL', [1]],
  ])('%sStorage', async (type, bytes, dtype, values) => {
    const from = storage({ type: `torch.${type}Storage`, count: int(1), location: text('cuda:0') });
    const value = tensor({ storage: from, size: ints(), stride: ints() });
    const file = await openBytes(craftPth(pickle(dict(['w', value])), { 0: bytes }));
    expect(file.read('w')).toEqual({ dtype, shape: [], bytes });
    expect([...file.array('w').data]).toEqual(values);
  });

  it.each([
    ['torch.uint16', 'U16'],
    ['torch.float8_e4m3fn', 'F8_E4M3'],
  ])('%s of an untyped storage', async (type, dtype) => {
    const from = storage({ type: 'torch.storage.UntypedStorage', count: int(4) });
    const size = type.endsWith('16') ? 2 : 4;
    const args = [from, int(0), ints(size), ints(1), no, hooks, global(type)];
    expect(await read(call('torch._utils._rebuild_tensor_v3', ...args), { 0: raw(1, 2, 3, 4) })).toEqual({
      dtype,
      shape: [size],
      bytes: raw(1, 2, 3, 4),
    });
  });

  it('big endian numbers are turned, and are no region', async () => {
    const bytes = join(f32(1).reverse(), f32(2).reverse(), f32(3).reverse(), f32(4).reverse());
    const entries = pthEntries(samplePickle(), { 0: bytes }).map((entry) =>
      entry.name === 'a/byteorder' ? { ...entry, data: raw('big') } : entry,
    );
    const file = await openBytes(craftZip(entries).bytes);
    expect(file.array('w')).toEqual({ dtype: 'float32', shape: [4], data: Float32Array.of(1, 2, 3, 4) });
    expect(file.array('v').data).toEqual(Float32Array.of(1, 3, 2, 4));
    expect(file.tensors.get('w')?.offset).toBeUndefined();
  });

  it('big endian numbers of another type than their storage are refused, as nobody knows how to turn them', async () => {
    const args = [storage(), int(0), ints(2), ints(1), no, hooks, global('torch.uint16')];
    const values = pickle(dict(['w', call('torch._utils._rebuild_tensor_v3', ...args)]));
    const entries = pthEntries(values).map((entry) =>
      entry.name === 'a/byteorder' ? { ...entry, data: raw('big') } : entry,
    );
    await expect(openBytes(craftZip(entries).bytes)).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringMatching(/of another type than their storage/),
    });
  });
});

describe('views', () => {
  it.each<[string, Parameters<typeof tensor>[0], number[], number[]]>([
    ['with an offset', { offset: int(2), size: ints(2) }, [2], [3, 4]],
    ['of every second element', { size: ints(2), stride: ints(2) }, [2], [1, 3]],
    ['that repeat a row', { size: ints(2, 4), stride: ints(0, 1) }, [2, 4], [1, 2, 3, 4, 1, 2, 3, 4]],
    ['that overlap', { size: ints(3, 2), stride: ints(1, 1) }, [3, 2], [1, 2, 2, 3, 3, 4]],
    ['of one element, strides of any size', { size: ints(1, 1), stride: ints(99, 7) }, [1, 1], [1]],
    ['of 0 dimensions', { offset: int(3), size: ints(), stride: ints() }, [], [4]],
    ['of nothing, anywhere', { offset: int(9), size: ints(2, 0), stride: ints(5, 1) }, [2, 0], []],
  ])('%s', async (_, spec, shape, values) => {
    expect(await read(tensor(spec))).toEqual({ dtype: 'F32', shape, bytes: f32(...values) });
  });
});

it.each([
  ['_rebuild_tensor', call('torch._utils._rebuild_tensor', storage(), int(0), ints(4), ints(1))],
  ['sizes that are a torch.Size', tensor({ size: call('torch.Size', ints(4)) })],
  ['no hooks', tensor({ hooks: none })],
  ['empty metadata', tensor({ more: [dict()] })],
  ['Parameter', call('torch._utils._rebuild_parameter', tensor(), yes, hooks)],
  [
    'Parameter with attributes',
    call('torch._utils._rebuild_parameter_with_state', tensor(), yes, hooks, dict(['is_shared', yes])),
  ],
  [
    'Tensor with attributes',
    call(
      'torch._tensor._rebuild_from_type_v2',
      global(v2),
      global('torch.Tensor'),
      tuple(...v2Arguments),
      tuple(dict(['tag', int(1)]), none),
    ),
  ],
])('reads tensors made by %s', async (_, value) => {
  expect(await read(value)).toEqual({ dtype: 'F32', shape: [4], bytes: f32(1, 2, 3, 4) });
});

it('reads past plain values of every allowed kind', async () => {
  const values = [
    tuple(),
    list(none, yes, no),
    raw(0x8f), // an empty set
    call('builtins.set', list(int(1), text('x'))),
    raw('c__builtin__\nset\n', ']', 0x85, 'R'), // as Python 2 names it
    call('builtins.complex', float(1), float(2)),
    call('builtins.bytearray', call('_codecs.encode', text('\u00ff'), text('latin1'))),
    call('torch.device', text('cuda'), int(1)),
    call('torch.device', text('cuda:1')),
    call('torch.serialization._get_layout', text('torch.strided')),
    call('collections.Counter', dict(['x', int(1)])),
    call('collections.OrderedDict', list(list(text('x'), int(1)), tuple(text('y'), int(2)))),
    join(hooks, dict(['_metadata', hooks]), raw('b')),
    global('torch.float32'),
    int(2n ** 70n),
    raw('U', 1, 'x'),
    dict([none, int(1)], [yes, int(2)], [float(0.5), int(3)], [int(2n ** 70n), int(4)]),
  ];
  const file = await openBytes(craftPth(pickle(dict(['w', tensor()], ['more', list(...values)]))));
  expect([...file.tensors.keys()]).toEqual(['w']);
});

it('gives integers of any size, texts, floats, booleans and None at the top', async () => {
  const values = dict(
    ['w', tensor()],
    ['big', int(-(2n ** 70n))],
    ['small', int(-3)],
    ['lr', float(1e-4)],
    ['name', text('ü')],
    ['none', none],
    [int(7), yes],
    ['__proto__', no],
  );
  expect((await openBytes(craftPth(pickle(values)))).values).toEqual(
    new Map<string, unknown>([
      ['big', -(2n ** 70n)],
      ['small', -3],
      ['lr', 1e-4],
      ['name', 'ü'],
      ['none', null],
      ['7', true],
      ['__proto__', false],
    ]),
  );
});

describe('which dictionary the weights are in', () => {
  const weights = dict(['w', tensor()]);
  it.each<[string, Bytes, readonly string[], string[]]>([
    ['the whole file', weights, [], ['w']],
    ['model', dict(['optimizer', weights], ['model', weights]), ['model'], ['w']],
    ['model before state_dict', dict(['state_dict', weights], ['model', weights]), ['model'], ['w']],
    [
      'state_dict, if model holds no tensors',
      dict(['model', dict(['name', text('x')])], ['state_dict', weights]),
      ['state_dict'],
      ['w'],
    ],
    [
      'the whole file, if no name is known',
      dict(['net', weights], ['ema', list(weights, tensor())]),
      [],
      ['net.w', 'ema.0.w', 'ema.1'],
    ],
    [
      'the whole file, if a tensor has the name',
      dict(['model', tensor()], ['x', tensor()]),
      [],
      ['model', 'x'],
    ],
    ['numbers as keys', dict([int(0), dict(['w', tensor()])]), [], ['0.w']],
  ])('%s', async (_, values, root, names) => {
    const file = await openBytes(craftPth(pickle(values)));
    expect(file.root).toEqual(root);
    expect([...file.tensors.keys()]).toEqual(names);
  });

  it('the one that is asked for', async () => {
    const bytes = craftPth(pickle(dict(['model', weights], ['ema', dict(['net', dict(['v', tensor()])])])));
    expect([...(await openBytes(bytes, { root: ['ema', 'net'] })).tensors.keys()]).toEqual(['v']);
    expect([...(await openBytes(bytes, { root: [] })).tensors.keys()]).toEqual(['model.w', 'ema.net.v']);
    await expect(openBytes(bytes, { root: ['ema', 'x'] })).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: 'has no dictionary "x"',
      hint: 'it has net',
    });
  });
});

describe('checksums', () => {
  const damaged = (crc: number | undefined) => {
    const { bytes, central } = craftZip(
      pthEntries(pickle(dict(['w', tensor()], ['part', tensor({ size: ints(2) })]))),
    );
    const view = new DataView(bytes.buffer);
    const at = bytes.findIndex((_, i) => view.byteLength - i > 4 && view.getFloat32(i, true) === 4);
    view.setFloat32(at, 5, true);
    if (crc !== undefined) view.setUint32((central[2] ?? 0) + 16, crc, true);
    return bytes;
  };
  it('a storage that is read whole is compared with its own', async () => {
    const file = await openBytes(damaged(undefined));
    const error = expect.objectContaining({
      code: 'E_CHECKPOINT',
      message: expect.stringMatching(/checksum of "data\/0"/),
    });
    expect(() => file.read('w')).toThrow(error);
    expect(() => file.array('w').data).toThrow(error);
    expect(file.read('part').bytes).toEqual(f32(1, 2));
  });
  it('but not if torch.save was told not to compute it', async () => {
    expect((await openBytes(damaged(0))).array('w').data).toEqual(Float32Array.of(1, 2, 3, 5));
  });
});

it('reads a file of 6 GB by range: 64-bit sizes, and little memory', async () => {
  const count = 1_500_000_000;
  const big = storage({ key: text('0'), count: int(count) });
  const small = storage({ key: text('1') });
  const values = dict(
    ['big', tensor({ storage: big, size: ints(count) })],
    ['column', tensor({ storage: big, size: ints(1000), stride: ints(1_500_000), offset: int(3) })],
    ['tail', tensor({ storage: big, offset: int(count - 2), size: ints(2) })],
    ['small', tensor({ storage: small })],
  );
  // The file's end is made for a storage of 4 bytes and then moved; what lies between is a hole.
  const data = { name: 'a/data.pkl', data: pickle(values) };
  const version = { name: 'a/version', data: raw('3\n') };
  const head = craftZip([data, version]);
  const parts: [number, Bytes][] = [[0, head.bytes.subarray(0, head.central[0])]];
  const entries: { name: string; size: number; crc: number; at: number }[] = [];
  const view = new DataView(head.bytes.buffer);
  for (const [i, { name, data: content }] of [data, version].entries())
    entries.push({
      name,
      size: content.length,
      crc: view.getUint32((head.central[i] ?? 0) + 16, true),
      at: head.local[i] ?? 0,
    });
  let at = head.central[0] ?? 0;
  for (const [name, size, bytes] of [
    ['a/data/0', 4 * count, f32()],
    ['a/data/1', 16, f32(1, 2, 3, 4)],
  ] as const) {
    entries.push({ name, size, crc: 0, at });
    const header = join(
      u32(0x04034b50),
      u16(0, 0x0808, 0, 0, 0),
      u32(0),
      u32(0),
      u32(0),
      u16(name.length, 0),
      raw(name),
    );
    parts.push([at, join(header, bytes)]);
    at += header.length + size;
  }
  const wide = (value: number) => (value >= 0xffffffff ? u64(value) : raw());
  const narrow = (value: number) => u32(Math.min(value, 0xffffffff));
  const directory = join(
    ...entries.map(({ name, size, crc, at }) => {
      const fields = join(wide(size), wide(size), wide(at));
      const extra = fields.length > 0 ? join(u16(1, fields.length), fields) : raw();
      const sizes = join(
        u32(crc),
        narrow(size),
        narrow(size),
        u16(name.length, extra.length, 0, 0, 0),
        u32(0),
        narrow(at),
      );
      return join(u32(0x02014b50), u16(0, 0, 0x0808, 0, 0, 0), sizes, raw(name), extra);
    }),
  );
  const n = entries.length;
  const end64 = join(
    u32(0x06064b50),
    u64(44),
    u16(45, 45),
    u32(0),
    u32(0),
    u64(n),
    u64(n),
    u64(directory.length),
    u64(at),
  );
  const locator = join(u32(0x07064b50), u32(0), u64(at + directory.length), u32(1));
  const end = join(u32(0x06054b50), u16(0, 0, n, n), narrow(directory.length), narrow(at), u16(0));
  parts.push([at, join(directory, end64, locator, end)]);
  writeFileSync(path, '');
  const descriptor = await open(path, 'r+');
  for (const [position, bytes] of parts) await descriptor.write(bytes, 0, bytes.length, position);
  await descriptor.write(f32(8, 9), 0, 8, (entries[2]?.at ?? 0) + 38 + 4 * (count - 2));
  await descriptor.close();

  const before = process.memoryUsage.rss();
  const file = await openPth(path);
  expect(file.array('big').region).toEqual({ path, offset: (entries[2]?.at ?? 0) + 38 });
  expect(file.array('tail').data).toEqual(Float32Array.of(8, 9));
  expect(file.array('small').data).toEqual(Float32Array.of(1, 2, 3, 4));
  expect(file.array('column').data).toEqual(new Float32Array(1000));
  expect(process.memoryUsage.rss() - before).toBeLessThan(200e6);
  truncateSync(path);
}, 60_000);

it('what is read can be written as safetensors', async () => {
  const file = await openBytes(craftPth(samplePickle()));
  const copy = joinPath(folder, 'w.safetensors');
  await writeSafetensors(copy, { w: file.array('w'), v: file.read('v') });
  const back = await openSafetensors(copy);
  for (const name of ['w', 'v']) expect(back.read(name)).toEqual(file.read(name));
});

it('takes a pickle of a legacy file as far as its own end', async () => {
  const value = dict(['a', tensor({ storage: legacyStorage(), trained: yes })]);
  expect((await openBytes(craftLegacy(pickle(value)))).array('a').data).toEqual(Float32Array.of(1, 2, 3, 4));
});

it.each([
  ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\n', /git lfs pull/],
  ['a web page', '<!DOCTYPE html>', /web page/],
  ['safetensors', '\x10\0\0\0\0\0\0\0{"a":1}        ', /safetensors/],
  ['a tar file', `${'\0'.repeat(257)}ustar`, /tar file/],
  ['an empty file', '', /empty/],
])('refuses %s, and says what it is', async (_, start, hint) => {
  await expect(openBytes(raw(start))).rejects.toMatchObject({
    code: 'E_CHECKPOINT',
    hint: expect.stringMatching(hint),
  });
});

it.each([
  ['nothing', () => joinPath(folder, 'no.pth')],
  ['a folder', () => folder],
  ['an endless device', () => '/dev/zero'],
])('refuses %s', async (_, name) => {
  await expect(openPth(name())).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
});
