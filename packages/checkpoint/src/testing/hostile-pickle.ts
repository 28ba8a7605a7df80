/** Pickles that are made to break a reader. Long, since it is a list of them, each with what it tries. */
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
  repeat,
  storage,
  tensor,
  text,
  tuple,
  u32,
  yes,
} from './craft-pickle.js';
import { craftLegacy, craftPth, f32, legacyStorage, samplePickle, u64 } from './craft-pth.js';
import type { HostileCase } from './hostile-zip.js';

const pth =
  (...parts: Bytes[]) =>
  () =>
    craftPth(pickle(...parts));
const model = (value: Bytes, ...more: [string, Bytes][]) => pth(dict(['model', dict(['w', value])], ...more));
/** A value beside the weights, which must not be read any less strictly. */
const beside = (value: Bytes) => model(tensor(), ['extra', value]);
const attack = (path: string): HostileCase => [
  `a call of ${path}`,
  beside(call(path, text('true'))),
  new RegExp(`global "${path.replaceAll('.', '\\.')}"`),
];
const opcode = (name: string, ...bytes: (number | string)[]): HostileCase => [
  `the opcode ${name}`,
  beside(raw(...bytes)),
  new RegExp(`opcode ${name},`),
];

/** Pickles that do what no checkpoint does. */
export const HOSTILE_PICKLES: readonly HostileCase[] = [
  // What attacks on Python call
  ...[
    'os.system',
    'posix.system',
    'nt.system',
    'subprocess.Popen',
    'subprocess.check_output',
    'builtins.eval',
    'builtins.exec',
    'builtins.getattr',
    'builtins.__import__',
    'builtins.open',
    'importlib.import_module',
    'runpy.run_path',
    'operator.attrgetter',
    'operator.methodcaller',
    'functools.partial',
    'numpy.core.multiarray._reconstruct',
    'numpy.fromfile',
    'torch.load',
    'torch.hub.load',
    'torch.jit.load',
    'torch.utils.cpp_extension.load',
    'shutil.rmtree',
    'socket.socket',
    'pickle.loads',
    'marshal.loads',
    'types.CodeType',
    'webbrowser.open',
    'pip.main',
    'codecs.decode',
    'sys.exit',
    'torch.nn.Linear',
    'torch._utils._rebuild_sparse_tensor',
    'torch._utils._rebuild_qtensor',
    'torch._utils._rebuild_meta_tensor_no_storage',
    'torch._utils._rebuild_wrapper_subclass',
    'torch._utils._rebuild_device_tensor_from_numpy',
    'collections.UserDict',
    'collections.OrderedDict2',
    'toString.constructor',
    'x.__proto__',
  ].map(attack),
  ['a global of Python 2', beside(raw('c__builtin__\neval\n')), /global "builtins\.eval"/],
  ['a dotted name', beside(raw('ctorch\n_utils._rebuild_tensor_v2\n')), /global "torch\._utils/],
  [
    'a dotted name to os',
    beside(raw('ctorch.serialization\nos.system\n')),
    /global "torch\.serialization\.os\.system"/,
  ],
  [
    'a name without end',
    () => craftPth(join(raw(0x80, 2, 'cos'), repeat(raw('s'), 5000))),
    /name without end/,
  ],
  ['a name that is not UTF-8', beside(raw('c', 0xff, '\nx\n')), /not UTF-8/],
  ['an allowed class that is called', beside(call('torch.FloatStorage', int(1))), /no function/],
  ['a type that is called', beside(call('torch.float32', int(1))), /no function/],
  ['a call of a text', beside(join(text('eval'), tuple(), raw('R'))), /calls a str/],
  ['a call of a tensor', beside(join(tensor(), tuple(), raw('R'))), /calls a tensor/],
  ['a call with a list', beside(join(global('collections.OrderedDict'), raw(']R'))), /with a list/],
  ['a state for a dictionary', beside(join(dict(), dict(), raw('b'))), /state of a dict/],
  ['a state for a list', beside(join(raw(']'), dict(), raw('b'))), /state of a list/],
  [
    'a state for a tensor',
    beside(join(tensor(), tuple(storage(), int(0), ints(4), ints(1)), raw('b'))),
    /state of a tensor/,
  ],
  [
    'a state for a class',
    beside(join(global('collections.OrderedDict'), dict(), raw('b'))),
    /state of a collections\.OrderedDict/,
  ],
  ['a state that is a list', beside(join(hooks, raw(']b'))), /state of a OrderedDict/],
  [
    'a state with __class__',
    beside(join(hooks, dict(['__class__', int(1)]), raw('b'))),
    /state of a OrderedDict/,
  ],
  [
    'a state with a number as key',
    beside(join(hooks, dict([int(1), int(1)]), raw('b'))),
    /state of a OrderedDict/,
  ],
  // Every opcode that is not allowed
  opcode('POP', '0'),
  opcode('POP_MARK', '1'),
  opcode('DUP', '2'),
  opcode('BINBYTES', 'B', 0, 0, 0, 0),
  opcode('SHORT_BINBYTES', 'C', 0),
  opcode('FLOAT', 'F1\n'),
  opcode('INT', 'I1\n'),
  opcode('LONG', 'L1L\n'),
  opcode('PERSID', 'Px\n'),
  opcode('STRING', "S'x'\n"),
  opcode('BINSTRING', 'T', 0, 0, 0, 0),
  opcode('UNICODE', 'Vx\n'),
  opcode('DICT', 'd'),
  opcode('GET', 'g1\n'),
  opcode('INST', 'ios\nsystem\n'),
  opcode('LIST', 'l'),
  opcode('OBJ', 'o'),
  opcode('PUT', 'p1\n'),
  opcode('NEWOBJ', 0x81),
  opcode('EXT1', 0x82, 1),
  opcode('EXT2', 0x83, 1, 0),
  opcode('EXT4', 0x84, 1, 0, 0, 0),
  opcode('LONG4', 0x8b, 0, 0, 0, 0),
  opcode('SHORT_BINUNICODE', 0x8c, 0),
  opcode('BINUNICODE8', 0x8d, ...new Array<number>(8).fill(0xff)),
  opcode('BINBYTES8', 0x8e, ...new Array<number>(8).fill(0x7f)),
  opcode('ADDITEMS', 0x90),
  opcode('FROZENSET', 0x91),
  opcode('NEWOBJ_EX', 0x92),
  opcode('STACK_GLOBAL', 0x93),
  opcode('MEMOIZE', 0x94),
  opcode('FRAME', 0x95, ...new Array<number>(8).fill(0)),
  opcode('BYTEARRAY8', 0x96),
  opcode('NEXT_BUFFER', 0x97),
  opcode('READONLY_BUFFER', 0x98),
  opcode('0xff', 0xff),
  opcode('0x00', 0),
  // The stack
  ['nothing', () => craftPth(raw()), /wants 1 bytes, 0 are left/],
  ['a pickle that ends at once', () => craftPth(raw('.')), /empty stack/],
  ['no end', () => craftPth(raw(0x80, 2, '}')), /wants 1 bytes, 0 are left/],
  [
    'bytes behind the end',
    () => craftPth(join(pickle(dict(['w', tensor()])), raw('x'))),
    /1 bytes behind its end/,
  ],
  ['a second pickle', () => craftPth(join(samplePickle(), samplePickle())), /behind its end/],
  ['a value left over', pth(int(1), dict(['w', tensor()])), /left over/],
  ['a group left open', pth(raw('('), dict(['w', tensor()])), /left over/],
  ['a group that was not begun', beside(raw('t')), /not begun/],
  ['a tuple of an empty stack', () => craftPth(raw(0x80, 2, 0x87, '.')), /empty stack/],
  ['a tuple across a group', () => craftPth(raw(0x80, 2, 'K', 1, '(', 0x85, 't.')), /empty stack/],
  ['an item of an empty stack', () => craftPth(raw(0x80, 2, 's.')), /empty stack/],
  ['an item of a list', beside(join(raw(']'), text('k'), int(1), raw('s'))), /item of a list/],
  ['an item of a tuple', beside(join(raw(')'), text('k'), int(1), raw('s'))), /item of a tuple/],
  ['a key without a value', beside(join(raw('}('), text('k'), raw('u'))), /key without a value/],
  ['an append to a dictionary', beside(join(raw('}'), int(1), raw('a'))), /appends to a dict/],
  ['appends to a tuple', beside(join(raw(')('), int(1), raw('e'))), /appends to a tuple/],
  ['a list as a key', beside(dict([raw(']'), int(1)])), /list as a key/],
  ['a tensor as a key', beside(dict([tensor(), int(1)])), /tensor as a key/],
  ['a memo entry that is not there', beside(raw('h', 99)), /memo entry 99/],
  ['the memo entry 2^32-1', beside(join(raw('j'), u32(0xffffffff))), /memo entry 4294967295/],
  ['protocol 6', () => craftPth(join(raw(0x80, 6), dict(['w', tensor()]), raw('.'))), /protocol 6/],
  // Lengths
  ['a text of 4 GiB', beside(join(raw('X'), u32(0xffffffff))), /wants 4294967295 bytes/],
  ['a cut text', () => craftPth(join(raw(0x80, 2, 'X'), u32(10), raw('abc'))), /wants 10 bytes, 3 are left/],
  ['a cut long', () => craftPth(raw(0x80, 2, 0x8a, 200, 1)), /wants 200 bytes/],
  ['a cut number', () => craftPth(raw(0x80, 2, 'J', 1)), /wants 4 bytes/],
  ['a text that is not UTF-8', beside(raw('U', 2, 0xc3, 0x28)), /not UTF-8/],
  ['half a surrogate pair', beside(join(raw('X'), u32(3), raw(0xed, 0xa0, 0x80))), /not UTF-8/],
  // What grows
  [
    '10^6 lists in each other',
    pth(repeat(raw(']'), 1e6), repeat(raw('a'), 1e6 - 1)),
    /more than 1000000 values|stacks more|no dictionary/,
  ],
  ['10^6 tuples in each other', pth(raw(')'), repeat(raw(0x85), 1e6)), /no dictionary/],
  [
    '40 dictionaries in each other',
    pth(repeat(raw('}X', 1, 0, 0, 0, 'k'), 40), tensor(), repeat(raw('s'), 40)),
    /nested deeper than 32/,
  ],
  [
    '10^6 marks',
    () => craftPth(join(raw(0x80, 2), repeat(raw('('), 1e6), raw('.'))),
    /empty stack|more than/,
  ],
  [
    'a million marks too many',
    () => craftPth(join(raw(0x80, 2), repeat(raw('('), 1_000_001), raw('.'))),
    /more than 1000000/,
  ],
  [
    'a million values on the stack',
    () => craftPth(join(raw(0x80, 2), repeat(raw('N'), 1e6), raw('.'))),
    /stacks more than/,
  ],
  ['a million memo entries', manyMemos, /more than 1000000/],
  ['billion laughs by the memo', billionLaughs, /more names than a checkpoint has/],
  ['a list of a million pairs, copied again and again', copiedPairs, /more than 1000000 values/],
  [
    'a dictionary in itself',
    () => craftPth(join(raw(0x80, 2, '}q', 0), text('model'), raw('h', 0, 's.'))),
    /inside of itself/,
  ],
  [
    'a list in itself',
    pth(dict(['model', join(raw(']q', 0, 'h', 0, 'a'))], ['w', tensor()])),
    /inside of itself/,
  ],
  // What is at the top
  ['a number', pth(int(1)), /no dictionary/],
  ['a tensor alone', pth(tensor()), /no dictionary/],
  ['a list of tensors', pth(list(tensor())), /no dictionary/],
  [
    'a key named __proto__ without tensors',
    pth(dict(['model', dict(['__proto__', dict(['polluted', yes])])])),
    /no tensors/,
  ],
  [
    'two tensors of one name',
    pth(dict(['a.b', tensor()], ['a', dict(['b', tensor()])])),
    /two tensors named "a\.b"/,
  ],
  ['a number and its text as keys', pth(dict([int(1), tensor()], ['1', tensor()])), /two tensors named "1"/],
  // Things beside tensors
  ['a set of lists', beside(call('builtins.set', list(list()))), /set of other things/],
  ['a complex number of texts', beside(call('builtins.complex', text('1'), text('2'))), /two floats/],
  ['bytes of a number', beside(call('builtins.bytearray', int(2 ** 31 - 1))), /bytes of something else/],
  ['a codec that decodes', beside(call('_codecs.encode', text('x'), text('zip'))), /latin1/],
  ['bytes that are not latin1', beside(call('_codecs.encode', text('€'), text('latin1'))), /not latin1/],
  ['an unknown device', beside(call('torch.device', text('/dev/mem'))), /device/],
  ['an unknown layout', beside(call('torch.serialization._get_layout', text('torch.load'))), /layout/],
  ['an OrderedDict of triples', beside(call('collections.OrderedDict', list(ints(1, 2, 3)))), /pairs/],
  ['a Counter of a list', beside(call('collections.Counter', list(int(1)))), /Counter/],
  ['a size of texts', beside(call('torch.Size', tuple(text('1')))), /size/],
  ['a size of 2^31 - 1 as a number', beside(call('torch.Size', int(2 ** 31 - 1))), /size/],
];

const v2 = 'torch._utils._rebuild_tensor_v2';
const tensorOf = (spec: Parameters<typeof tensor>[0]) => model(tensor(spec));
const storageOf = (spec: Parameters<typeof storage>[0]) => model(tensor({ storage: storage(spec) }));

/** Tensors that cannot be. */
export const HOSTILE_TENSORS: readonly HostileCase[] = [
  ['an offset beyond the storage', tensorOf({ offset: int(1) }), /beyond its storage of 16 bytes/],
  ['a negative offset', tensorOf({ offset: int(-1) }), /starts at -1/],
  ['an offset of 2^60', tensorOf({ offset: int(2n ** 60n) }), /starts at 1152921504606846976/],
  ['an offset that is a float', tensorOf({ offset: float(0) }), /starts at a float/],
  ['an offset that is True', tensorOf({ offset: yes }), /starts at a bool/],
  ['a size beyond the storage', tensorOf({ size: ints(5) }), /beyond its storage/],
  ['a stride beyond the storage', tensorOf({ size: ints(2), stride: ints(4) }), /beyond its storage/],
  ['a negative size', tensorOf({ size: ints(-4) }), /size holds -4/],
  ['two negative sizes', tensorOf({ size: ints(-2, -2), stride: ints(2, 1) }), /size holds -2/],
  ['a negative stride', tensorOf({ stride: ints(-1) }), /stride holds -1/],
  ['a stride of 2^62', tensorOf({ stride: ints(2n ** 62n) }), /stride holds/],
  ['a size of 2^53', tensorOf({ size: ints(2 ** 53), stride: ints(0) }), /size holds|size is beyond/],
  ['sizes of 2^31 × 2^31', tensorOf({ size: ints(2 ** 31, 2 ** 31), stride: ints(0, 0) }), /size is beyond/],
  [
    'sizes that overflow to 4',
    tensorOf({ size: ints(2 ** 32, 2 ** 32 + 4), stride: ints(0, 0) }),
    /size is beyond/,
  ],
  [
    'sizes that a 0 hides',
    tensorOf({ size: ints(0, 2 ** 50, 2 ** 50), stride: ints(0, 0, 0) }),
    /size is beyond/,
  ],
  ['2^40 elements by stride 0', tensorOf({ size: ints(2 ** 40), stride: ints(0) }), /more than \d+ bytes/],
  ['1,000 tensors of 2^20 elements', manyViews, /more than \d+ bytes/],
  ['sizes and strides of different rank', tensorOf({ size: ints(2, 2) }), /2 dimensions with 1 strides/],
  [
    '100 dimensions',
    tensorOf({
      size: ints(...new Array<number>(100).fill(1)),
      stride: ints(...new Array<number>(100).fill(1)),
    }),
    /100 dimensions/,
  ],
  ['a size that is a list', tensorOf({ size: list(int(4)) }), /size is a list/],
  ['a size that is a number', tensorOf({ size: int(4) }), /size is a int/],
  ['a size of floats', tensorOf({ size: tuple(float(4)) }), /size holds a float/],
  ['a tensor of a number', tensorOf({ storage: int(1) }), /tensor of a int/],
  ['a tensor of a tensor', tensorOf({ storage: tensor() }), /tensor of a tensor/],
  ['too few arguments', model(call(v2, storage())), /1 arguments/],
  ['too many arguments', tensorOf({ more: [none, none] }), /8 arguments/],
  ['a number where it says if it is trained', tensorOf({ trained: int(1) }), /int where it says/],
  ['hooks', tensorOf({ hooks: dict(['hook', int(1)]) }), /hooks/],
  ['numbers that are to be negated', tensorOf({ more: [dict(['neg', yes])] }), /conjugated or negated/],
  [
    'integers that are trained',
    model(tensor({ storage: storage({ type: 'torch.IntStorage' }), trained: yes })),
    /I32 that is trained/,
  ],
  [
    'a parameter of a number',
    model(call('torch._utils._rebuild_parameter', int(1), yes, hooks)),
    /int where a tensor belongs/,
  ],
  [
    'attributes that replace the data',
    model(call('torch._utils._rebuild_parameter_with_state', tensor(), yes, hooks, dict(['data', tensor()]))),
    /sets "data"/,
  ],
  [
    'attributes that are a list',
    model(call('torch._utils._rebuild_parameter_with_state', tensor(), yes, hooks, list())),
    /list as the attributes/,
  ],
  [
    'a tensor class of its own',
    model(
      call(
        'torch._tensor._rebuild_from_type_v2',
        global(v2),
        global('collections.OrderedDict'),
        tuple(storage(), int(0), ints(4), ints(1), no, hooks),
        none,
      ),
    ),
    /of the class/,
  ],
  [
    'a tensor made by itself',
    model(
      call(
        'torch._tensor._rebuild_from_type_v2',
        global('torch._tensor._rebuild_from_type_v2'),
        global('torch.Tensor'),
        tuple(),
        none,
      ),
    ),
    /by a torch\._tensor/,
  ],
  [
    'a type that is no type',
    model(
      call(
        'torch._utils._rebuild_tensor_v3',
        storage(),
        int(0),
        ints(4),
        ints(1),
        no,
        hooks,
        text('float32'),
      ),
    ),
    /of the type str/,
  ],
  [
    'a type wider than the storage',
    model(
      call(
        'torch._utils._rebuild_tensor_v3',
        storage(),
        int(0),
        ints(4),
        ints(1),
        no,
        hooks,
        global('torch.float64'),
      ),
    ),
    /beyond its storage/,
  ],
  // Storages
  ['a storage that is not there', storageOf({ key: text('1') }), /does not have/],
  ['a storage by a path', storageOf({ key: text('../version') }), /does not have/],
  ['a storage by a number', storageOf({ key: int(0) }), /unknown way/],
  ['a storage of another size', storageOf({ count: int(5) }), /which has 16 bytes/],
  ['a storage of -4 elements', storageOf({ count: int(-4) }), /which has 16 bytes/],
  ['a storage of 2^62 elements', storageOf({ count: int(2n ** 62n) }), /which has 16 bytes/],
  ['a storage of a float of elements', storageOf({ count: float(4) }), /which has 16 bytes/],
  ['a storage of another tag', storageOf({ tag: 'module' }), /unknown way/],
  ['a storage of six items', storageOf({ more: [none] }), /unknown way/],
  ['a storage at a number', storageOf({ location: int(1) }), /unknown way/],
  [
    'a storage of a class that is none',
    storageOf({ type: 'torch.float32', count: int(4) }),
    /of the type torch\.float32/,
  ],
  [
    'a storage of quantised numbers',
    storageOf({ type: 'torch.QInt8Storage' }),
    /global "torch\.QInt8Storage"/,
  ],
  ['a storage by a text', model(tensor({ storage: join(text('0'), raw('Q')) })), /by a str/],
  [
    'one storage as two types',
    model(tensor(), ['extra', tensor({ storage: storage({ type: 'torch.IntStorage' }) })]),
    /as I32 and as F32/,
  ],
];

const legacy = (values: Bytes, parts?: Parameters<typeof craftLegacy>[1]) => () => craftLegacy(values, parts);
const legacyModel = (spec: Parameters<typeof storage>[0]) =>
  legacy(pickle(dict(['w', tensor({ storage: storage({ more: [none], ...spec }) })])));

/** Files in the format before PyTorch 1.6. */
export const HOSTILE_LEGACY: readonly HostileCase[] = [
  [
    'another magic number',
    legacy(samplePickle(true), { magic: pickle(int(2n ** 70n)) }),
    /neither a zip file nor/,
  ],
  [
    'a magic global',
    legacy(samplePickle(true), { magic: pickle(global('os.system')) }),
    /neither a zip file nor/,
  ],
  ['another protocol', legacy(samplePickle(true), { protocol: pickle(int(1002)) }), /another protocol/],
  [
    'facts that call',
    legacy(samplePickle(true), { facts: pickle(call('os.system', text('true'))) }),
    /global "os\.system"/,
  ],
  ['facts that are none', legacy(samplePickle(true), { facts: pickle(none) }), /system facts/],
  [
    'a storage in the facts',
    legacy(samplePickle(true), { facts: pickle(legacyStorage()) }),
    /global "torch\.FloatStorage"/,
  ],
  ['an attack', legacy(pickle(call('os.system', text('true')))), /global "os\.system"/],
  ['keys that are no list', legacy(samplePickle(true), { keys: pickle(dict()) }), /list of storages/],
  ['no keys', legacy(samplePickle(true), { keys: pickle(list()), data: raw() }), /lacks 1 storages/],
  ['a key twice', legacy(samplePickle(true), { keys: pickle(list(text('0'), text('0'))) }), /twice/],
  ['an unknown key', legacy(samplePickle(true), { keys: pickle(list(text('1'))) }), /no tensor has/],
  [
    'another number of elements',
    legacy(samplePickle(true), { data: join(u64(5), f32(1, 2, 3, 4, 5)) }),
    /5 elements/,
  ],
  [
    '-1 elements',
    legacy(samplePickle(true), { data: join(u64(2n ** 64n - 1n), f32(1, 2, 3, 4)) }),
    /-1 elements/,
  ],
  [
    'data cut short',
    legacy(samplePickle(true), { data: join(u64(4), f32(1, 2, 3)) }),
    /inside of the storage/,
  ],
  ['no data', legacy(samplePickle(true), { data: raw() }), /before the storage/],
  [
    'bytes behind the data',
    legacy(samplePickle(true), { data: join(u64(4), f32(1, 2, 3, 4), raw('x')) }),
    /1 bytes behind/,
  ],
  ['a storage of 2^60 elements', legacyModel({ count: int(2n ** 60n) }), /no known size/],
  [
    'a storage of 2^52 elements',
    legacyModel({ count: int(2 ** 52) }),
    /no known size|elements in the storage/,
  ],
  [
    'a storage of two sizes',
    legacy(
      pickle(
        dict(
          ['a', tensor({ storage: legacyStorage() })],
          ['b', tensor({ storage: storage({ more: [none], count: int(5) }) })],
        ),
      ),
    ),
    /in two ways/,
  ],
  ['a part of a storage', legacyModel({ more: [tuple(text('1'), int(0), int(2))] }), /part of a storage/],
  [
    'a storage without type',
    legacyModel({ type: 'torch.storage.UntypedStorage' }),
    /of the type torch\.storage\.UntypedStorage/,
  ],
  [
    'an offset beyond the storage',
    legacy(pickle(dict(['w', tensor({ storage: legacyStorage(), offset: int(1) })]))),
    /beyond its storage/,
  ],
];

/** 30 lists of two, each holding the one before twice. */
function billionLaughs(): Bytes {
  const lists = Array.from({ length: 30 }, (_, i): [string, Bytes] => [
    `l${i}`,
    join(i === 0 ? list() : list(raw('h', i - 1), raw('h', i - 1)), raw('q', i)),
  ]);
  return craftPth(pickle(dict(['model', dict(...lists, ['w', tensor()])])));
}

function copiedPairs(): Bytes {
  const pair = join(int(1), int(2), raw(0x86, 'q', 0));
  const pairs = join(raw(']('), pair, repeat(raw('h', 0), 100_000), raw('eq', 1));
  const copy = join(global('collections.OrderedDict'), raw('h', 1, 0x85, 'R'));
  return craftPth(pickle(list(pairs, repeat(copy, 1000))));
}

function manyViews(): Bytes {
  const view = tensor({ size: ints(2 ** 20), stride: ints(0) });
  return craftPth(pickle(dict(...Array.from({ length: 1000 }, (_, i): [string, Bytes] => [`w${i}`, view]))));
}

function manyMemos(): Bytes {
  const puts = repeat(join(raw('r'), u32(0)), 1_000_001);
  const view = new DataView(puts.buffer);
  for (let i = 0; i < puts.length / 5; i++) view.setUint32(5 * i + 1, i, true);
  return craftPth(pickle(none, puts));
}
