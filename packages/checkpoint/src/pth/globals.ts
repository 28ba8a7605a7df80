import type { TensorDtype } from '../dtypes.js';
import { isAttributes, type Machine, setEntries } from './pickle.js';
import { checkRequiresGrad, isSize, viewStorage } from './tensors.js';
import {
  isKind,
  keyOf,
  type PyDict,
  type PyGlobal,
  type PyOpaque,
  type PyTensor,
  type PyValue,
  typeOf,
} from './values.js';

/**
 * The names that a checkpoint may mention: those of PyTorch's `weights_only` reader that can hold or describe plain
 * weights. Left out, and so refused by name, are tensors that are not a block of numbers (sparse, quantised, meta, of
 * other devices' own kinds).
 */
export function findGlobal(name: string): PyGlobal | undefined {
  return GLOBALS.get(name);
}

/** What a call of an allowed global gives. @throws PengiError E_CHECKPOINT */
export function callGlobal({ name }: PyGlobal, args: readonly PyValue[], machine: Machine): PyValue {
  const call = CALLS.get(name);
  if (!call) throw machine.fail(`calls "${name}", which is no function that makes tensors`);
  return call(args, machine);
}

/** The element type of a storage class; undefined for other globals. */
export function storageDtype({ name }: PyGlobal): TensorDtype | undefined {
  return STORAGES.get(name);
}

export const UNTYPED_STORAGE = 'torch.storage.UntypedStorage';

const STORAGES = new Map<string, TensorDtype>(
  Object.entries({
    Double: 'F64',
    Float: 'F32',
    Half: 'F16',
    BFloat16: 'BF16',
    Long: 'I64',
    Int: 'I32',
    Short: 'I16',
    Char: 'I8',
    Byte: 'U8',
    Bool: 'BOOL',
    ComplexFloat: 'C64',
  } as const).flatMap(([type, dtype]): [string, TensorDtype][] => [
    [`torch.${type}Storage`, dtype],
    [`torch.cuda.${type}Storage`, dtype],
  ]),
);
STORAGES.set(UNTYPED_STORAGE, 'U8');

const DTYPES = new Map<string, TensorDtype>([
  ['torch.float64', 'F64'],
  ['torch.float32', 'F32'],
  ['torch.float16', 'F16'],
  ['torch.bfloat16', 'BF16'],
  ['torch.int64', 'I64'],
  ['torch.int32', 'I32'],
  ['torch.int16', 'I16'],
  ['torch.int8', 'I8'],
  ['torch.uint8', 'U8'],
  ['torch.uint16', 'U16'],
  ['torch.uint32', 'U32'],
  ['torch.uint64', 'U64'],
  ['torch.bool', 'BOOL'],
  ['torch.complex64', 'C64'],
  ['torch.float8_e4m3fn', 'F8_E4M3'],
  ['torch.float8_e5m2', 'F8_E5M2'],
  ['torch.float8_e4m3fnuz', 'F8_E4M3FNUZ'],
  ['torch.float8_e5m2fnuz', 'F8_E5M2FNUZ'],
  ['torch.float8_e8m0fnu', 'F8_E8M0'],
]);

const DEVICES = ['cpu', 'cuda', 'mps', 'xpu', 'meta'];
const LAYOUTS = ['torch.strided'];
/** What a tensor has itself; an attribute of such a name would be a second meaning. */
const TENSOR_ATTRIBUTES =
  /^(H|T|m[HT]|data|device|dtype|grad.*|imag|real|is_(?!shared$).*|itemsize|layout|name|names|nbytes|ndim|output_nr|requires_grad|retains_grad|shape|volatile|_(backward_hooks|base|cdata|grad.*|has_.*|post_.*|python_dispatch|version))$/;

type Call = (args: readonly PyValue[], machine: Machine) => PyValue;

/** The functions, each as strict as what `torch.load` does with the same arguments, or stricter. */
const CALLS = new Map<string, Call>([
  ['collections.OrderedDict', ([pairs, ...rest], machine) => orderedDict(pairs, rest, machine)],
  ['collections.Counter', ([counts, ...rest], machine) => counter(counts, rest, machine)],
  [
    'torch.Size',
    ([sizes, ...rest], { fail, spend }) => {
      if (!isKind(sizes, 'tuple') || rest.length > 0)
        throw fail('makes a size of something else than a tuple');
      spend(sizes.items.length);
      if (!sizes.items.every(isSize)) throw fail('makes a size that holds something else than numbers');
      return sizes;
    },
  ],
  ['torch._utils._rebuild_tensor', (args, machine) => viewStorage(expectCount(args, 4, 4, machine), machine)],
  [
    'torch._utils._rebuild_tensor_v2',
    (args, machine) => {
      const [, , , , trained, hooks, metadata] = expectCount(args, 6, 7, machine);
      return finish(viewStorage(args, machine), trained, hooks, metadata, machine);
    },
  ],
  [
    'torch._utils._rebuild_tensor_v3',
    (args, machine) => {
      const [, , , , trained, hooks, type, metadata] = expectCount(args, 7, 8, machine);
      const dtype = isKind(type, 'global') ? DTYPES.get(type.name) : undefined;
      if (!dtype) throw machine.fail(`makes a tensor of the type ${typeOf(type)}`);
      return finish(viewStorage(args, machine, dtype), trained, hooks, metadata, machine);
    },
  ],
  [
    'torch._utils._rebuild_parameter',
    (args, machine) => {
      const [tensor, trained, hooks] = expectCount(args, 3, 3, machine);
      return finish(expectTensor(tensor, machine), trained, hooks, undefined, machine);
    },
  ],
  [
    'torch._utils._rebuild_parameter_with_state',
    (args, machine) => {
      const [tensor, trained, hooks, state] = expectCount(args, 4, 4, machine);
      checkState(state, machine);
      return finish(expectTensor(tensor, machine), trained, hooks, undefined, machine);
    },
  ],
  ['torch._tensor._rebuild_from_type_v2', rebuildFromType],
  [
    'builtins.set',
    ([items, ...rest], { fail, spend }) => {
      const all =
        isKind(items, 'list') || isKind(items, 'tuple') ? items.items : items === undefined ? [] : undefined;
      spend(all?.length ?? 0);
      if (rest.length > 0 || !all?.every((item) => keyOf(item) !== undefined))
        throw fail('makes a set of other things than texts and numbers');
      return opaque('set');
    },
  ],
  [
    'builtins.complex',
    (args, { fail }) => {
      if (args.length !== 2 || !args.every((arg) => isKind(arg, 'float')))
        throw fail('makes a complex number of something else than two floats');
      return opaque('complex');
    },
  ],
  [
    'builtins.bytearray',
    ([bytes, ...rest], { fail }) => {
      if (rest.length > 0 || !(bytes === undefined || (isKind(bytes, 'opaque') && bytes.type === 'bytes')))
        throw fail('makes bytes of something else');
      return opaque('bytearray');
    },
  ],
  [
    '_codecs.encode',
    ([text, codec, ...rest], { fail, spend }) => {
      // How Python 3 writes bytes so that Python 2 can read them.
      if (typeof text !== 'string' || codec !== 'latin1' || rest.length > 0)
        throw fail('makes bytes of something else than a text in latin1');
      spend(text.length / 64);
      if (!/^[\0-\xff]*$/.test(text)) throw fail('makes bytes of a text that is not latin1');
      return opaque('bytes');
    },
  ],
  [
    'torch.device',
    ([type, index = 0, ...rest], { fail }) => {
      const [name, number, ...more] = typeof type === 'string' ? type.split(':') : [];
      const known = DEVICES.includes(name ?? '') && more.length === 0 && /^(0|[1-9]\d?)?$/.test(number ?? '');
      if (!known || rest.length > 0 || !isSize(index) || index > 99 || (number !== undefined && index !== 0))
        throw fail('names a device that is not known');
      return opaque('device');
    },
  ],
  [
    'torch.serialization._get_layout',
    ([name, ...rest], { fail }) => {
      if (typeof name !== 'string' || !LAYOUTS.includes(name) || rest.length > 0)
        throw fail('names a layout that is not known');
      return opaque('layout');
    },
  ],
]);

const GLOBALS = new Map<string, PyGlobal>(
  [...CALLS.keys(), ...STORAGES.keys(), ...DTYPES.keys(), 'torch.Tensor', 'torch.nn.parameter.Parameter'].map(
    (name) => [name, { kind: 'global', name }],
  ),
);

/** Without arguments, or of a list of pairs, as Python 2 wrote it. */
function orderedDict(pairs: PyValue | undefined, rest: readonly PyValue[], machine: Machine): PyDict {
  const dict: PyDict = { kind: 'dict', type: 'OrderedDict' };
  if (pairs === undefined) return dict;
  if (!isKind(pairs, 'list') || rest.length > 0)
    throw machine.fail('makes an OrderedDict of something else than a list');
  for (const pair of pairs.items) {
    if (!(isKind(pair, 'list') || isKind(pair, 'tuple')) || pair.items.length !== 2)
      throw machine.fail('makes an OrderedDict of something else than pairs');
    setEntries(dict, pair.items, machine);
  }
  return dict;
}

function counter(counts: PyValue | undefined, rest: readonly PyValue[], machine: Machine): PyDict {
  const dict: PyDict = { kind: 'dict', type: 'Counter' };
  if (counts === undefined) return dict;
  if (!isKind(counts, 'dict') || rest.length > 0)
    throw machine.fail('makes a Counter of something else than a dictionary');
  for (const entry of counts.entries ?? []) setEntries(dict, entry, machine);
  return dict;
}

/** A tensor of a class of its own, or with attributes: what it was before is what we want. */
function rebuildFromType(args: readonly PyValue[], machine: Machine): PyTensor {
  const [rebuild, type, inner, state] = expectCount(args, 4, 4, machine);
  const { fail } = machine;
  if (!isKind(type, 'global') || !['torch.Tensor', 'torch.nn.parameter.Parameter'].includes(type.name))
    throw fail(`makes a tensor of the class ${typeOf(type)}`);
  // Not itself: a chain of these would be a recursion as deep as the file wants.
  if (
    !isKind(rebuild, 'global') ||
    !/\._rebuild_(tensor|parameter)(_v2|_v3)?$/.test(rebuild.name) ||
    !isKind(inner, 'tuple')
  )
    throw fail(`makes a tensor by a ${typeOf(rebuild)}`);
  checkState(state, machine);
  return expectTensor(callGlobal(rebuild, inner.items, machine), machine);
}

/** Attributes of a tensor, or a pair of them with those in slots. */
function checkState(state: PyValue | undefined, machine: Machine): void {
  const parts = isKind(state, 'tuple') ? state.items : [state ?? null];
  if (isKind(state, 'tuple') && parts.length !== 2)
    throw machine.fail('has the attributes of a tensor in no known form');
  for (const part of parts) {
    if (part === null) continue;
    if (!isAttributes(part, machine))
      throw machine.fail(`has a ${typeOf(part)} as the attributes of a tensor`);
    for (const key of part.entries?.keys() ?? [])
      if (TENSOR_ATTRIBUTES.test(key as string))
        throw machine.fail(`sets "${String(key).slice(0, 80)}" of a tensor`);
  }
}

function finish(
  tensor: PyTensor,
  trained: PyValue | undefined,
  hooks: PyValue | undefined,
  metadata: PyValue | undefined,
  machine: Machine,
): PyTensor {
  checkRequiresGrad(tensor, trained, machine);
  if (hooks !== null && !(isKind(hooks, 'dict') && !hooks.entries))
    throw machine.fail('has hooks, which are functions, on a tensor');
  // Conjugated or negated views: the numbers mean something else.
  if (metadata !== undefined && metadata !== null && !(isKind(metadata, 'dict') && !metadata.entries))
    throw machine.fail(
      'has a tensor whose numbers are to be conjugated or negated',
      'save a copy of it: tensor.clone()',
    );
  return tensor;
}

function expectTensor(value: PyValue | undefined, { fail }: Machine): PyTensor {
  if (isKind(value, 'tensor')) return value;
  throw fail(`has a ${typeOf(value)} where a tensor belongs`);
}

function expectCount(
  args: readonly PyValue[],
  from: number,
  to: number,
  { fail }: Machine,
): readonly PyValue[] {
  if (args.length < from || args.length > to) throw fail(`calls with ${args.length} arguments`);
  return args;
}

function opaque(type: PyOpaque['type']): PyOpaque {
  return { kind: 'opaque', type };
}
