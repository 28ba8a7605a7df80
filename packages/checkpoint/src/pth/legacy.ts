import { PengiError, printable } from '@pengi/core';
import { DTYPE_BITS } from '../dtypes.js';
import type { RangeFile } from '../range-file.js';
import { callGlobal, findGlobal, storageDtype, UNTYPED_STORAGE } from './globals.js';
import { MAX_PICKLE_BYTES, type Machine, NO_GLOBALS, type PickleHost, unpickle } from './pickle.js';
import { isSize } from './tensors.js';
import { isKind, type PyStorage, type PyValue, typeOf } from './values.js';
import type { Container } from './zip-container.js';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
const LENGTH_BYTES = 8;

/**
 * The format before PyTorch 1.6, one pickle after the other: a magic number, a protocol number, facts about the machine,
 * the values, the keys of the storages; then of each storage the number of elements in 8 bytes, and its bytes (little
 * endian on every machine).
 * @throws PengiError E_CHECKPOINT, E_IO
 */
export function readLegacyContainer(file: RangeFile): Container {
  const bytes = file.read(0, Math.min(file.size, MAX_PICKLE_BYTES));
  const fail = (message: string) =>
    new PengiError('E_CHECKPOINT', message, { file: file.name, hint: foreignFileHint(bytes) });
  let at = 0;
  const next = (host: PickleHost, where: string): PyValue => {
    const { value, end } = unpickle(bytes, at, host, { file: file.name, where });
    at = end;
    return value;
  };
  // A pickle of protocol 2 whose first value is a long: nothing else needs to be tried.
  if (bytes[0] !== 0x80 || bytes[2] !== 0x8a || next(NO_GLOBALS, 'magic number') !== MAGIC)
    throw fail(
      'is no PyTorch checkpoint: neither a zip file nor one with the magic number of the older format',
    );
  if (next(NO_GLOBALS, 'protocol number') !== PROTOCOL) throw fail(`has another protocol than ${PROTOCOL}`);
  if (!isKind(next(NO_GLOBALS, 'system facts'), 'dict')) throw fail('has no dictionary of system facts');

  const storages = new Map<string, PyStorage>();
  const host: PickleHost = {
    global: findGlobal,
    call: callGlobal,
    persistent: (id, machine) => openStorage(id, storages, machine),
  };
  const value = next(host, 'values');
  const keys = next(NO_GLOBALS, 'list of storages');
  if (!isKind(keys, 'list')) throw fail('has no list of storages');
  placeStorages(keys.items, storages, at, file);
  return { value, bigEndian: false };
}

/** Finds where each storage's bytes lie, now that the values are read. */
function placeStorages(
  keys: readonly PyValue[],
  storages: ReadonlyMap<string, PyStorage>,
  start: number,
  file: RangeFile,
): void {
  const fail = (message: string, hint = 'the file is damaged or hostile') =>
    new PengiError('E_CHECKPOINT', message, { file: file.name, hint });
  const cut = 'the file is incomplete: download or copy it again';
  const missing = new Set(storages.keys());
  let at = start;
  for (const key of keys) {
    const storage = typeof key === 'string' && missing.delete(key) ? storages.get(key) : undefined;
    if (!storage) throw fail('lists a storage twice, or one that no tensor has');
    const { data, dtype } = storage;
    if (at + LENGTH_BYTES > file.size)
      throw fail(`ends at ${file.size}, before the storage "${printable(storage.key)}"`, cut);
    const prefix = file.read(at, LENGTH_BYTES);
    const count = new DataView(prefix.buffer).getBigInt64(0, true);
    if (count !== BigInt(data.byteLength / (DTYPE_BITS[dtype] / 8)))
      throw fail(
        `has ${count} elements in the storage "${printable(storage.key)}", its tensors say otherwise`,
      );
    data.offset = at + LENGTH_BYTES;
    at = data.offset + data.byteLength;
    if (at > file.size)
      throw fail(`ends at ${file.size}, inside of the storage "${printable(storage.key)}"`, cut);
  }
  if (missing.size > 0) throw fail(`lacks ${missing.size} storages that tensors need`);
  if (at !== file.size) throw fail(`has ${file.size - at} bytes behind the last storage`);
}

/** `('storage', type, key, location, count, view)`, where a view is a part of the storage, by its key, begin and count. */
function openStorage(id: readonly PyValue[], storages: Map<string, PyStorage>, { fail }: Machine): PyStorage {
  const [tag, type, key, location, count, view] = id;
  const known = isKind(type, 'global') && type.name !== UNTYPED_STORAGE;
  const dtype = known ? storageDtype(type) : undefined;
  if (id.length !== 6 || tag !== 'storage' || typeof key !== 'string' || typeof location !== 'string')
    throw fail('refers to a storage in an unknown way');
  if (!dtype) throw fail(`refers to a storage of the type ${typeOf(type)}`);
  const byteLength = isSize(count) ? count * (DTYPE_BITS[dtype] / 8) : Number.NaN;
  if (!Number.isSafeInteger(byteLength))
    throw fail(`refers to the storage "${printable(key)}" of no known size`);

  let storage = storages.get(key);
  if (!storage) {
    storage = { kind: 'storage', key, dtype, data: { byteLength, offset: 0, crc32: 0 } };
    storages.set(key, storage);
  }
  if (storage.dtype !== dtype || storage.data.byteLength !== byteLength)
    throw fail(`refers to the storage "${printable(key)}" in two ways`);
  // PyTorch writes a view only for files of versions before 0.4.
  if (view !== null) throw fail('refers to a part of a storage', 'save the file again with a newer PyTorch');
  return storage;
}

/** What people hand over in place of a checkpoint. */
function foreignFileHint(bytes: Uint8Array): string {
  const text = (from: number, to: number) => new TextDecoder('latin1').decode(bytes.subarray(from, to));
  if (bytes.length === 0) return 'the file is empty: download it again';
  if (text(0, 8) === 'version ') return 'this is a Git LFS pointer, not the file: run "git lfs pull"';
  if (/^\s*<(!doc|htm)/i.test(text(0, 64))) return 'this is a web page: the download went wrong';
  if (text(8, 9) === '{') return 'this looks like a safetensors file: open it as one';
  if (text(257, 262) === 'ustar')
    return 'this is a tar file, as PyTorch 0.1 wrote them: save it again with a newer one';
  return 'save the weights with torch.save, or as safetensors';
}
