import { PengiError, printable } from '@pengi/core';
import { CALLING_OPCODES, OPCODE_NAMES, Op } from './opcodes.js';
import {
  isKind,
  keyOf,
  type PyDict,
  type PyGlobal,
  type PyList,
  type PyTuple,
  type PyValue,
  typeOf,
} from './values.js';

/** What a pickle may refer to. */
export interface PickleHost {
  /** The allowed global of that name, undefined for all others. */
  global(name: string): PyGlobal | undefined;
  /** The value that calling the global has. */
  call(callee: PyGlobal, args: readonly PyValue[], machine: Machine): PyValue;
  /** The value behind a persistent id. */
  persistent(id: readonly PyValue[], machine: Machine): PyValue;
}

/** What a host may ask of the pickle that it serves. */
export interface Machine {
  /** An error that names the place in the pickle. */
  fail(message: string, hint?: string): PengiError;
  /** Counts work and memory that a few bytes of the file can cause. @throws PengiError when it is too much */
  spend(units: number): void;
}

/** A host for pickles of plain values. */
export const NO_GLOBALS: PickleHost = {
  global: () => undefined,
  call: (callee, _, { fail }) => {
    throw fail(`calls "${callee.name}"`);
  },
  persistent: (_, { fail }) => {
    throw fail('refers to a storage where none can be');
  },
};

/** Of data.pkl, or of all pickles of a legacy file. A model of 10,000 tensors has about 2 MiB. */
export const MAX_PICKLE_BYTES = 0x2000000;
/** Containers, their items, memo entries. A tensor takes about 35; this bounds time and memory. */
const MAX_UNITS = 1_000_000;
const MAX_STACK = 250_000;
const MAX_NAME_BYTES = 200;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const CAN_RUN_CODE = 'such a file can run code in Python: do not load it there either';
const OTHER_TENSORS = /^torch\.(_utils\._rebuild|(cuda\.)?(sparse\.|Q|ComplexDouble)|q)/;
const OTHER_PROTOCOL = 'save the file again with torch.save and its own pickle protocol';

/**
 * Reads one pickle: plain data, allowed globals, calls of allowed functions. The opcodes are those of PyTorch's own
 * `weights_only` reader (without NEWOBJ, which no plain checkpoint needs), what they do to the stack is the pickle
 * format's definition. Nothing in it is executed: a call gives what the host says it gives.
 * @param where what messages call the pickle: `data.pkl`
 * @returns the value, and the position behind the pickle
 * @throws PengiError E_CHECKPOINT
 */
export function unpickle(
  bytes: Uint8Array,
  start: number,
  host: PickleHost,
  { file, where }: { file: string; where: string },
): { value: PyValue; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stack: PyValue[] = [];
  const marks: number[] = [];
  const memo = new Map<number, PyValue>();
  let [at, opAt, floor, units] = [start, start, 0, 0];

  const machine: Machine = {
    fail: (message, hint = 'the file is damaged or hostile') =>
      new PengiError('E_CHECKPOINT', `${where}@${opAt}: ${message}`, { file, hint }),
    spend(count) {
      units += count;
      if (units > MAX_UNITS) throw fail(`asks for more than ${MAX_UNITS} values`);
    },
  };
  const { fail, spend } = machine;

  const take = (count: number): number => {
    if (count > bytes.length - at)
      throw fail(`wants ${count} bytes, ${bytes.length - at} are left`, cutHint(bytes.length));
    at += count;
    return at - count;
  };
  const text = (count: number): string => {
    const from = take(count);
    try {
      return UTF8.decode(bytes.subarray(from, at));
    } catch {
      throw fail('holds a text that is not UTF-8');
    }
  };
  const line = (): string => {
    const end = bytes.subarray(at, at + MAX_NAME_BYTES).indexOf(0x0a);
    if (end < 0) throw fail('holds a name without end');
    const name = text(end);
    at++;
    return name;
  };
  const push = (value: PyValue) => {
    if (stack.length >= MAX_STACK) throw fail(`stacks more than ${MAX_STACK} values`);
    stack.push(value);
  };
  const pop = (): PyValue => {
    if (stack.length <= floor) throw fail('takes a value from an empty stack');
    return stack.pop() as PyValue;
  };
  const top = (): PyValue => {
    if (stack.length <= floor) throw fail('takes a value from an empty stack');
    return stack[stack.length - 1] as PyValue;
  };
  const popMark = (): PyValue[] => {
    if (marks.length === 0) throw fail('ends a group that was not begun');
    const items = stack.splice(floor);
    marks.pop();
    floor = marks[marks.length - 1] ?? 0;
    spend(items.length);
    return items;
  };
  const tuple = (items: PyValue[]) => {
    spend(1);
    push({ kind: 'tuple', items });
  };
  const popTuple = (count: number) => {
    const items: PyValue[] = [];
    while (items.length < count) items.unshift(pop());
    tuple(items);
  };
  const list = (): PyList => {
    const value = top();
    if (!isKind(value, 'list')) throw fail(`appends to a ${typeOf(value)}, which is no list`);
    return value;
  };
  const setItems = (items: readonly PyValue[]) => {
    const target = top();
    if (!isKind(target, 'dict')) throw fail(`sets an item of a ${typeOf(target)}, which is no dictionary`);
    if (items.length % 2 !== 0) throw fail('sets a key without a value');
    setEntries(target, items, machine);
  };
  const recall = (index: number) => {
    const value = memo.get(index);
    if (value === undefined) throw fail(`refers to the memo entry ${index}, which does not exist`);
    push(value);
  };
  const memorize = (index: number) => {
    if (!memo.has(index)) spend(1);
    memo.set(index, top());
  };
  const global = (): PyGlobal => {
    const module = line();
    const name = line();
    // Python 2's name of the module.
    const path = `${module === '__builtin__' ? 'builtins' : module}.${name}`;
    const found = name.includes('.') ? undefined : host.global(path);
    if (found) return found;
    throw fail(
      `asks for the global "${printable(path)}", which is not among those that plain tensors need`,
      OTHER_TENSORS.test(path) ? 'save dense tensors of a common type' : CAN_RUN_CODE,
    );
  };
  const build = () => {
    const state = pop();
    const target = top();
    // A state_dict's `_metadata`. It becomes attributes, which nobody here reads.
    if (isKind(target, 'dict') && target.type === 'OrderedDict' && isAttributes(state, machine)) return;
    throw fail(`sets the state of a ${typeOf(target)}, of which only OrderedDict may have one`);
  };

  for (;;) {
    opAt = at;
    const op = bytes[take(1)] as number;
    switch (op) {
      case Op.PROTO: {
        const protocol = bytes[take(1)] as number;
        if (protocol > 5) throw fail(`is of the pickle protocol ${protocol}, which does not exist`);
        break;
      }
      case Op.STOP: {
        const value = pop();
        if (marks.length > 0 || stack.length > 0) throw fail('ends with values left over');
        return { value, end: at };
      }
      case Op.NONE:
        push(null);
        break;
      case Op.NEWTRUE:
        push(true);
        break;
      case Op.NEWFALSE:
        push(false);
        break;
      case Op.BININT:
        push(view.getInt32(take(4), true));
        break;
      case Op.BININT1:
        push(bytes[take(1)] as number);
        break;
      case Op.BININT2:
        push(view.getUint16(take(2), true));
        break;
      case Op.LONG1: {
        const length = bytes[take(1)] as number;
        push(integer(bytes.subarray(take(length), at)));
        break;
      }
      case Op.BINFLOAT:
        push({ kind: 'float', value: view.getFloat64(take(8)) });
        break;
      case Op.BINUNICODE:
        push(text(view.getUint32(take(4), true)));
        break;
      case Op.SHORT_BINSTRING:
        push(text(bytes[take(1)] as number));
        break;
      case Op.EMPTY_TUPLE:
        push(EMPTY_TUPLE);
        break;
      case Op.TUPLE1:
      case Op.TUPLE2:
      case Op.TUPLE3:
        popTuple(op - Op.TUPLE1 + 1);
        break;
      case Op.TUPLE:
        tuple(popMark());
        break;
      case Op.EMPTY_LIST:
        spend(1);
        push({ kind: 'list', items: [] });
        break;
      case Op.APPEND: {
        const item = pop();
        spend(1);
        list().items.push(item);
        break;
      }
      case Op.APPENDS: {
        const items = popMark();
        const { items: all } = list();
        for (const item of items) all.push(item);
        break;
      }
      case Op.EMPTY_DICT:
        spend(1);
        push({ kind: 'dict', type: 'dict' });
        break;
      case Op.SETITEM: {
        const value = pop();
        setItems([pop(), value]);
        break;
      }
      case Op.SETITEMS:
        setItems(popMark());
        break;
      case Op.EMPTY_SET:
        push({ kind: 'opaque', type: 'set' });
        break;
      case Op.MARK:
        spend(1);
        marks.push(stack.length);
        floor = stack.length;
        break;
      case Op.BINGET:
        recall(bytes[take(1)] as number);
        break;
      case Op.LONG_BINGET:
        recall(view.getUint32(take(4), true));
        break;
      case Op.BINPUT:
        memorize(bytes[take(1)] as number);
        break;
      case Op.LONG_BINPUT:
        memorize(view.getUint32(take(4), true));
        break;
      case Op.GLOBAL:
        push(global());
        break;
      case Op.REDUCE: {
        const args = pop();
        const callee = pop();
        if (!isKind(args, 'tuple') || !isKind(callee, 'global'))
          throw fail(`calls a ${typeOf(callee)} with a ${typeOf(args)}`);
        spend(1);
        push(host.call(callee, args.items, machine));
        break;
      }
      case Op.BUILD:
        build();
        break;
      case Op.BINPERSID: {
        const id = pop();
        if (!isKind(id, 'tuple')) throw fail(`refers to a storage by a ${typeOf(id)}`);
        push(host.persistent(id.items, machine));
        break;
      }
      default:
        throw fail(
          `holds the opcode ${OPCODE_NAMES[op] ?? `0x${op.toString(16).padStart(2, '0')}`}, which checkpoints do not need`,
          CALLING_OPCODES.test(OPCODE_NAMES[op] ?? '') ? CAN_RUN_CODE : OPCODE_NAMES[op] && OTHER_PROTOCOL,
        );
    }
  }
}

/** Puts keys and values, in turns, into a dictionary. @throws PengiError for a key that no checkpoint has */
export function setEntries(target: PyDict, items: readonly PyValue[], { fail, spend }: Machine): void {
  if (items.length === 0) return;
  target.entries ??= new Map();
  for (let i = 0; i < items.length; i += 2) {
    const key = keyOf(items[i] as PyValue);
    if (key === undefined) throw fail(`has a ${typeOf(items[i])} as a key, not a text or a number`);
    spend(1);
    target.entries.set(key, items[i + 1] as PyValue);
  }
}

/** Whether a value can be an object's attributes: a dictionary with texts as keys, none of which Python itself uses. */
export function isAttributes(value: PyValue | undefined, { spend }: Machine): value is PyDict {
  if (!isKind(value, 'dict')) return false;
  const keys = value.entries?.keys() ?? [];
  spend(value.entries?.size ?? 0);
  return [...keys].every((key) => typeof key === 'string' && !key.startsWith('__'));
}

const EMPTY_TUPLE: PyTuple = { kind: 'tuple', items: [] };

/** Two's complement, little endian, of any length. */
function integer(bytes: Uint8Array): number | bigint {
  if (bytes.length === 0) return 0;
  let hex = '';
  for (const byte of bytes) hex = byte.toString(16).padStart(2, '0') + hex;
  const value = BigInt.asIntN(8 * bytes.length, BigInt(`0x${hex}`));
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

function cutHint(length: number): string {
  return length >= MAX_PICKLE_BYTES
    ? `pickles of up to ${MAX_PICKLE_BYTES} bytes are read`
    : 'the file is incomplete or damaged: download or copy it again';
}
