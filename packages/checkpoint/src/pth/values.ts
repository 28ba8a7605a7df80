import type { TensorDtype } from '../dtypes.js';

/**
 * What a pickle is read into: plain records, none of which can do anything. Integers are numbers, or bigints beyond 2^53;
 * floats are records, because Python tells 4.0 from 4 and where one of them is wanted we must too.
 */
export type PyValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PyFloat
  | PyTuple
  | PyList
  | PyDict
  | PyOpaque
  | PyGlobal
  | PyStorage
  | PyTensor;

export interface PyFloat {
  readonly kind: 'float';
  readonly value: number;
}

export interface PyTuple {
  readonly kind: 'tuple';
  readonly items: readonly PyValue[];
}

export interface PyList {
  readonly kind: 'list';
  readonly items: PyValue[];
}

export interface PyDict {
  readonly kind: 'dict';
  readonly type: 'dict' | 'OrderedDict' | 'Counter';
  /** By `keyOf`; made with the first entry, since a file can hold a million empty ones. */
  entries?: Map<DictKey, PyValue>;
}

/** A value that cannot hold weights and whose content nobody asks for: bytes, sets, devices. */
export interface PyOpaque {
  readonly kind: 'opaque';
  readonly type: 'bytes' | 'bytearray' | 'set' | 'complex' | 'device' | 'layout';
}

/** A name that a file may mention. */
export interface PyGlobal {
  readonly kind: 'global';
  readonly name: string;
}

/** A block of numbers; tensors are views of it. */
export interface PyStorage {
  readonly kind: 'storage';
  readonly key: string;
  readonly dtype: TensorDtype;
  readonly data: StorageData;
}

/** Where a storage's bytes lie. Storages of one key share it. */
export interface StorageData {
  readonly byteLength: number;
  /** In the file; the legacy format says it after the values. */
  offset: number;
  /** Of the bytes; 0 where the file has none. */
  crc32: number;
}

export interface PyTensor {
  readonly kind: 'tensor';
  readonly storage: PyStorage;
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  /** In elements. */
  readonly stride: readonly number[];
  /** In bytes, from the storage's begin. */
  readonly start: number;
  readonly byteLength: number;
}

/** Numbers and texts do not meet: 1 and "1" are two keys. */
export type DictKey = string | number | bigint | null;

/**
 * A value as a dictionary's key, equal where Python's keys are: 1, 1.0 and True are one. Undefined for what no
 * checkpoint has as a key, be it hashable in Python or not.
 */
export function keyOf(value: PyValue): DictKey | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'bigint') return value;
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return Number(value);
  if (value.kind !== 'float' || Number.isNaN(value.value)) return undefined;
  const float = value.value;
  return Number.isInteger(float) && !Number.isSafeInteger(float) ? BigInt(float) : float;
}

export function isKind<K extends (PyValue & object)['kind']>(
  value: PyValue | undefined,
  kind: K,
): value is Extract<PyValue & object, { kind: K }> {
  return typeof value === 'object' && value !== null && value.kind === kind;
}

/** A value's type, for messages. */
export function typeOf(value: PyValue | undefined): string {
  if (value === null) return 'None';
  if (typeof value !== 'object')
    return (
      { boolean: 'bool', number: 'int', bigint: 'int', string: 'str' }[typeof value as string] ?? 'nothing'
    );
  if (value.kind === 'dict' || value.kind === 'opaque') return value.type;
  return value.kind === 'global' ? value.name : value.kind;
}
