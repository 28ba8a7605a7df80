import { PengiError, printable } from '@pengi/core';
import { type DictKey, isKind, type PyDict, type PyTensor, type PyValue } from './values.js';

/** A value beside the tensors, such as the number of epochs. */
export type PlainValue = string | number | bigint | boolean | null;

/** Where training code puts the weights, when a file holds more than them. The first that is there counts. */
const USUAL_ROOTS = ['model', 'state_dict', 'model_state_dict', 'module', 'weights'];
const MAX_DEPTH = 32;
/** Visited values and characters of their names: shared values can be reached in more ways than there are bytes. */
const MAX_NAMES = 0x1000000;
const MAX_NAME = 4096;

/**
 * The path of keys to the dictionary that holds the weights: the given one, or the first of the usual names that leads
 * from the top to a dictionary with tensors in it, or the top itself.
 * @throws PengiError E_CHECKPOINT
 */
export function findRoot(
  value: PyValue,
  wanted: readonly string[] | undefined,
  file: string,
): { path: readonly string[]; dict: PyDict } {
  if (!isKind(value, 'dict')) throw fail('holds no dictionary of tensors', file, 'save a state_dict()');
  if (wanted === undefined) {
    for (const name of USUAL_ROOTS) {
      const dict = value.entries?.get(name);
      if (isKind(dict, 'dict') && flattenTensors(dict, file).size > 0) return { path: [name], dict };
    }
    return { path: [], dict: value };
  }
  let dict: PyDict = value;
  for (const name of wanted) {
    const next: PyValue | undefined = dict.entries?.get(name);
    if (!isKind(next, 'dict')) {
      const keys = [...(dict.entries?.keys() ?? [])].slice(0, 10).map((key) => printable(String(key), 40));
      throw fail(`has no dictionary "${printable(name)}"`, file, `it has ${keys.join(', ') || 'nothing'}`);
    }
    dict = next;
  }
  return { path: wanted, dict };
}

/**
 * The tensors of a dictionary by their paths: keys and positions in lists, joined by dots.
 * @throws PengiError E_CHECKPOINT for a dictionary inside of itself, two tensors of one name, more than can be meant
 */
export function flattenTensors(root: PyDict, file: string): Map<string, PyTensor> {
  const found = new Map<string, PyTensor>();
  const open = new Set<PyValue>();
  let names = 0;
  const visit = (value: PyValue, name: string): void => {
    names += 1 + name.length;
    if (names > MAX_NAMES) throw fail('holds more names than a checkpoint has', file);
    if (isKind(value, 'tensor')) {
      if (name.length > MAX_NAME) throw fail(`names a tensor with ${name.length} characters`, file);
      if (found.has(name)) throw fail(`has two tensors named "${printable(name)}"`, file);
      found.set(name, value);
      return;
    }
    if (!isKind(value, 'dict') && !isKind(value, 'list') && !isKind(value, 'tuple')) return;
    if (open.has(value)) throw fail(`holds "${printable(name)}" inside of itself`, file);
    if (open.size >= MAX_DEPTH) throw fail(`is nested deeper than ${MAX_DEPTH} levels`, file);
    open.add(value);
    const items: Iterable<readonly [DictKey, PyValue]> = isKind(value, 'dict')
      ? (value.entries ?? [])
      : value.items.entries();
    for (const [key, item] of items) visit(item, name === '' ? String(key) : `${name}.${String(key)}`);
    open.delete(value);
  };
  visit(root, '');
  return found;
}

/** The plain values at the top of a file. */
export function plainValues(value: PyValue): Map<string, PlainValue> {
  const found = new Map<string, PlainValue>();
  if (!isKind(value, 'dict')) return found;
  for (const [key, item] of value.entries ?? []) {
    if (isKind(item, 'float')) found.set(String(key), item.value);
    else if (item === null || typeof item !== 'object') found.set(String(key), item);
  }
  return found;
}

function fail(message: string, file: string, hint = 'the file is damaged or hostile'): PengiError {
  return new PengiError('E_CHECKPOINT', message, { file, hint });
}
