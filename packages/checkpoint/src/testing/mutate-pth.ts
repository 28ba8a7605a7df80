import type { Rng } from '@pengi/core';
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
  yes,
} from './craft-pickle.js';
import {
  type CraftedZip,
  craftLegacy,
  craftPth,
  craftZip,
  f32,
  legacyStorage,
  pthEntries,
  samplePickle,
} from './craft-pth.js';
import { mutateBytes } from './mutate-safetensors.js';

/** Archives: of seven mutants, six have changed fields of the zip's records; the others change bytes anywhere. */
export function mutateZip(rng: Rng): Bytes {
  const entries = pthEntries(samplePickle());
  if (rng.int(4) === 0) entries.splice(rng.int(entries.length + 1), 0, anyEntry(rng));
  if (rng.int(8) === 0) entries.reverse();
  const zip = craftZip(entries, { asTorch: rng.int(3) > 0 });
  if (rng.int(7) === 0) return mutateBytes(zip.bytes, rng);
  for (let times = 1 + rng.int(2); times > 0; times--) mutateField(zip, rng);
  const { bytes } = zip;
  if (rng.int(12) === 0) return bytes.subarray(0, rng.int(bytes.length));
  if (rng.int(12) === 0) return join(bytes, bytes.subarray(rng.int(bytes.length)));
  return bytes;
}

/** Pickles: their opcodes are replaced, doubled, left out and exchanged, in files that are right otherwise. */
export function mutatePickle(rng: Rng): Bytes {
  const legacy = rng.int(4) === 0;
  const tokens = tokenize(legacy ? samplePickle(true) : any(rng, PICKLES));
  for (let times = 1 + rng.int(2); times > 0; times--) mutateToken(tokens, rng, legacy);
  const values = join(...tokens);
  if (legacy) return craftLegacy(rng.int(10) === 0 ? mutateBytes(values, rng) : values);
  return craftPth(rng.int(10) === 0 ? mutateBytes(values, rng) : values, STORAGES);
}

const STORAGES = { 0: f32(1, 2, 3, 4), 1: f32(5, 6), 2: raw() };
const NAMES = [
  'a/data/1',
  'a/data/0',
  'a/',
  'a/data/',
  'b/data/1',
  'a/constants.pkl',
  'a/.format_version',
  'a/.storage_alignment',
  'a/DATA.PKL',
  'a/code/x.py',
  '../x',
  'a/version2',
];

function anyEntry(rng: Rng) {
  return { name: any(rng, NAMES), data: any(rng, [raw(), raw('1'), raw('64'), f32(1, 2)]) };
}

/** Widths of the fields of the records, from their begin; the first of each is its signature. */
const FIELDS = {
  local: [4, 2, 2, 2, 2, 2, 4, 4, 4, 2, 2],
  central: [4, 2, 2, 2, 2, 2, 2, 4, 4, 4, 2, 2, 2, 2, 2, 4, 4],
  end: [4, 2, 2, 2, 2, 4, 4, 2],
  end64: [4, 8, 2, 2, 4, 4, 8, 8, 8, 8],
  locator: [4, 4, 8, 4],
} as const;

function mutateField({ bytes, ...records }: CraftedZip, rng: Rng): void {
  const view = new DataView(bytes.buffer);
  const kind = any(rng, Object.keys(FIELDS) as (keyof typeof FIELDS)[]);
  const found = records[kind];
  const start = Array.isArray(found) ? any(rng, found) : found;
  const widths = FIELDS[kind];
  const field = rng.int(widths.length);
  const width = widths[field] as number;
  const at = start + widths.slice(0, field).reduce((sum: number, bytes) => sum + bytes, 0);
  if (at + width > bytes.length) return;
  const get = {
    2: () => BigInt(view.getUint16(at, true)),
    4: () => BigInt(view.getUint32(at, true)),
    8: () => view.getBigUint64(at, true),
  }[width as 2 | 4 | 8];
  const places = [bytes.length, ...records.local, ...records.central, records.end, records.end64];
  const value = any(rng, [
    0n,
    1n,
    8n,
    16n,
    0x7fffn,
    0xffffn,
    0x7fffffffn,
    0xffffffffn,
    2n ** 53n,
    2n ** 63n,
    2n ** 64n - 1n,
    get() + 1n,
    get() - 1n,
    get() ^ (1n << BigInt(rng.int(8 * width))),
    BigInt(any(rng, places)),
  ]);
  if (width === 2) view.setUint16(at, Number(value & 0xffffn), true);
  else if (width === 4) view.setUint32(at, Number(value & 0xffffffffn), true);
  else view.setBigUint64(at, value & (2n ** 64n - 1n), true);
}

const v2 = 'torch._utils._rebuild_tensor_v2';
const small = storage({ key: text('1'), type: 'torch.IntStorage', count: int(2), location: text('cuda:0') });
const v2Arguments = [small, int(0), ints(2), ints(1), no, hooks];
const PICKLES: readonly Bytes[] = [
  samplePickle(),
  pickle(
    dict(
      ['w', tensor()],
      ['n', call(v2, ...v2Arguments)],
      ['none', tensor({ storage: storage({ key: text('2'), count: int(0) }), size: ints(0) })],
    ),
  ),
  pickle(
    dict(
      ['w', call('torch._utils._rebuild_parameter', tensor(), yes, hooks)],
      ['x', call('torch._utils._rebuild_parameter_with_state', tensor(), yes, hooks, dict(['tag', int(1)]))],
    ),
  ),
  pickle(
    dict([
      'w',
      call(
        'torch._utils._rebuild_tensor_v3',
        storage(),
        int(0),
        ints(2, 2),
        ints(2, 1),
        no,
        hooks,
        global('torch.uint32'),
      ),
    ]),
  ),
  pickle(
    dict([
      'w',
      call(
        'torch._tensor._rebuild_from_type_v2',
        global(v2),
        global('torch.Tensor'),
        tuple(...v2Arguments),
        dict(['tag', none]),
      ),
    ]),
  ),
  pickle(
    join(
      hooks,
      raw('('),
      text('w'),
      tensor({ size: call('torch.Size', ints(4)) }),
      text('set'),
      call('builtins.set', list(int(1))),
      raw('u'),
    ),
    join(dict(['_metadata', hooks]), raw('b')),
  ),
  pickle(
    dict(
      ['w', tensor()],
      ['c', call('collections.Counter', dict(['x', int(1)]))],
      ['o', call('collections.OrderedDict', list(tuple(text('y'), float(2))))],
      ['d', call('torch.device', text('cuda'), int(1))],
      ['z', call('builtins.complex', float(1), float(2))],
    ),
  ),
];
/** What may stand anywhere in place of an opcode. */
const PIECES: readonly Bytes[] = [
  ...'().NQRXabcehjqrstu]}0120BCFGIJKLMPSTUVdgilop'.split('').map((c) => raw(c)),
  ...[
    0x80, 0x81, 0x82, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x8f, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95,
  ].map((op) => raw(op)),
  ...[
    -1,
    0,
    1,
    2,
    3,
    4,
    5,
    8,
    16,
    255,
    2 ** 31 - 1,
    -(2 ** 31),
    2 ** 32,
    2 ** 53,
    2n ** 62n,
    2n ** 63n,
    -(2n ** 63n),
    2n ** 70n,
  ].map(int),
  ...[0, 1, 4, -1, Number.NaN, Number.POSITIVE_INFINITY].map(float),
  ...[
    '',
    '0',
    '1',
    '9',
    'w',
    'model',
    'storage',
    'cpu',
    '__class__',
    '__proto__',
    'data',
    'latin1',
    'cuda:x',
  ].map(text),
  ...[
    'torch.FloatStorage',
    'torch.HalfStorage',
    'torch.LongStorage',
    'torch.BoolStorage',
    'torch.QInt8Storage',
    'torch.ComplexFloatStorage',
    'torch.cuda.FloatStorage',
    'torch.storage.UntypedStorage',
    'torch.storage.TypedStorage',
    'torch.float32',
    'torch.complex128',
    'torch.Size',
    'torch.Tensor',
    'torch.nn.parameter.Parameter',
    'torch._utils._rebuild_tensor',
    v2,
    'torch._utils._rebuild_parameter',
    'torch._utils._rebuild_tensor_v3',
    'torch._utils._rebuild_sparse_tensor',
    'torch._utils._rebuild_qtensor',
    'torch._tensor._rebuild_from_type_v2',
    'torch.device',
    'torch.serialization._get_layout',
    'collections.OrderedDict',
    'collections.Counter',
    'builtins.set',
    'builtins.bytearray',
    'builtins.complex',
    'builtins.eval',
    'builtins.getattr',
    'os.system',
    'posix.system',
    '_codecs.encode',
    '_codecs.decode',
  ].map(global),
  ints(),
  ints(4),
  ints(2, 2),
  ints(0),
  list(),
  list(int(1)),
  dict(),
  dict(['x', int(1)]),
  hooks,
  storage(),
  small,
  legacyStorage(),
  tensor(),
  none,
  yes,
  no,
  raw('q', 0),
  raw('q', 1),
  raw('h', 0),
  raw('h', 1),
  raw('q', 0, 'h', 0),
];

function mutateToken(tokens: Bytes[], rng: Rng, legacy: boolean): void {
  const at = 1 + rng.int(tokens.length - 1);
  const there = tokens[at] as Bytes;
  const piece = rng.int(3) === 0 ? similar(there, rng, legacy) : any(rng, PIECES);
  const change = rng.int(8);
  if (change < 4) tokens[at] = piece;
  else if (change === 4) tokens.splice(at, 1);
  else if (change === 5) tokens.splice(at, 0, piece);
  else if (change === 6) tokens.splice(at, 0, there);
  else [tokens[at], tokens[1]] = [tokens[1] as Bytes, there];
}

/** Another value of the same kind, so that some mutants mean something. */
function similar(there: Bytes, rng: Rng, legacy: boolean): Bytes {
  const pool = PIECES.filter((piece) => piece[0] === there[0]);
  if (there[0] === 0x51 && legacy) return legacyStorage();
  return pool.length > 0 ? any(rng, pool) : there;
}

/** The opcodes of a pickle with their arguments. */
function tokenize(bytes: Bytes): Bytes[] {
  const tokens: Bytes[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const fixed: Record<string, number> = { '\x80': 1, J: 4, K: 1, M: 2, G: 8, h: 1, q: 1, j: 4, r: 4 };
  for (let at = 0; at < bytes.length; ) {
    const op = String.fromCharCode(bytes[at] as number);
    let length = 1 + (fixed[op] ?? 0);
    if (op === 'X') length = 5 + view.getUint32(at + 1, true);
    else if (op === '\x8a' || op === 'U') length = 2 + (bytes[at + 1] as number);
    else if (op === 'c') length = bytes.indexOf(0x0a, bytes.indexOf(0x0a, at) + 1) + 1 - at;
    tokens.push(bytes.subarray(at, at + length));
    at += length;
  }
  return tokens;
}

function any<T>(rng: Rng, items: readonly T[]): T {
  return items[rng.int(items.length)] as T;
}
