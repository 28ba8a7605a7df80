import { crc32 } from 'node:zlib';
import { PengiError, printable } from '@pengi/core';
import { DTYPE_BITS } from '../dtypes.js';
import type { RangeFile } from '../range-file.js';
import { callGlobal, findGlobal, storageDtype } from './globals.js';
import { MAX_PICKLE_BYTES, type Machine, unpickle } from './pickle.js';
import { isSize } from './tensors.js';
import { isKind, type PyStorage, type PyValue, typeOf } from './values.js';
import { readStoredZip, type ZipEntry } from './zip.js';

/** What a checkpoint file holds, before names are given to its tensors. */
export interface Container {
  readonly value: PyValue;
  /** Numbers are stored with their highest byte first. */
  readonly bigEndian: boolean;
}

/** Of the entries that hold a word or a number. */
const MAX_SMALL_ENTRY = 256;
/** What PyTorch 2 accepts. */
const VERSIONS = { from: 1, to: 10 };

/**
 * The zip format of `torch.save` since PyTorch 1.6: `data.pkl` describes the tensors, `data/KEY` holds one storage's
 * bytes, `byteorder` and `version` hold what they say.
 * @throws PengiError E_CHECKPOINT, E_IO
 */
export function readZipContainer(file: RangeFile): Container {
  const { entries } = readStoredZip(file);
  const fail = (message: string) =>
    new PengiError('E_CHECKPOINT', message, { file: file.name, hint: 'the file is damaged or hostile' });
  const read = (name: string, limit: number): Uint8Array | undefined => {
    const entry = entries.get(name);
    if (entry === undefined) return undefined;
    if (entry.byteLength > limit)
      throw fail(`the entry "${name}" has ${entry.byteLength} bytes, at most ${limit} are read`);
    const bytes = file.read(entry.offset, entry.byteLength);
    checkCrc(bytes, entry, name, file);
    return bytes;
  };
  const readText = (name: string) => {
    const bytes = read(name, MAX_SMALL_ENTRY);
    return bytes && new TextDecoder('latin1').decode(bytes);
  };

  const pickle = read('data.pkl', MAX_PICKLE_BYTES);
  if (!pickle) throw fail('the zip file has no data.pkl, so it is no PyTorch checkpoint');
  const version = readText('version') ?? readText('.data/version');
  if (!/^\d{1,3}\n?$/.test(version ?? '') || Number(version) < VERSIONS.from || Number(version) > VERSIONS.to)
    throw fail(
      `the checkpoint has the format version ${quote(version)}, known are ${VERSIONS.from} to ${VERSIONS.to}`,
    );
  const byteOrder = readText('byteorder') ?? 'little';
  if (byteOrder !== 'little' && byteOrder !== 'big') throw fail(`the byte order is ${quote(byteOrder)}`);
  if (!/^\d{1,6}$/.test(readText('.storage_alignment') ?? '64')) throw fail('the alignment is no number');
  for (const name of ['.format_version', '.data/serialization_id'])
    if (!/^[ -~\n]*$/.test(readText(name) ?? '')) throw fail(`the entry "${name}" is no text`);

  const storages = new Map<string, PyStorage>();
  const host = {
    global: findGlobal,
    call: callGlobal,
    persistent: (id: readonly PyValue[], machine: Machine) => openStorage(id, entries, storages, machine),
  };
  const { value, end } = unpickle(pickle, 0, host, { file: file.name, where: 'data.pkl' });
  if (end !== pickle.length) throw fail(`data.pkl goes on for ${pickle.length - end} bytes behind its end`);
  return { value, bigEndian: byteOrder === 'big' };
}

/** @throws PengiError E_CHECKPOINT */
export function checkCrc(bytes: Uint8Array, entry: { crc32: number }, name: string, file: RangeFile): void {
  // 0 is what torch.save writes when told not to compute it.
  if (entry.crc32 === 0 || crc32(bytes) === entry.crc32) return;
  throw new PengiError('E_CHECKPOINT', `the checksum of "${printable(name)}" does not fit its bytes`, {
    file: file.name,
    hint: 'the file is damaged: download or copy it again',
  });
}

/** `('storage', type, key, location, count)`; the location, such as cuda:0, is where the tensor was, not where it goes. */
function openStorage(
  id: readonly PyValue[],
  entries: ReadonlyMap<string, ZipEntry>,
  storages: Map<string, PyStorage>,
  { fail }: Machine,
): PyStorage {
  const [tag, type, key, location, count] = id;
  const dtype = isKind(type, 'global') ? storageDtype(type) : undefined;
  if (id.length !== 5 || tag !== 'storage' || typeof key !== 'string' || typeof location !== 'string')
    throw fail('refers to a storage in an unknown way');
  if (!dtype) throw fail(`refers to a storage of the type ${typeOf(type)}`);
  const entry = entries.get(`data/${key}`);
  if (!entry) throw fail(`refers to the storage "${printable(key)}", which the file does not have`);
  if (!isSize(count) || count * (DTYPE_BITS[dtype] / 8) !== entry.byteLength)
    throw fail(
      `refers to the storage "${key}" of ${String(count)} × ${dtype}, which has ${entry.byteLength} bytes in the file`,
    );
  const known = storages.get(key);
  if (!known) {
    const storage: PyStorage = { kind: 'storage', key, dtype, data: { ...entry } };
    storages.set(key, storage);
    return storage;
  }
  if (known.dtype === dtype) return known;
  if (entry.byteLength > 0) throw fail(`refers to the storage "${key}" as ${dtype} and as ${known.dtype}`);
  return { ...known, dtype };
}

function quote(text: string | undefined): string {
  return text === undefined ? 'missing' : `"${printable(text, 40)}"`;
}
