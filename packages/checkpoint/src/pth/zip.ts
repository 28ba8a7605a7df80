import { PengiError, printable } from '@pengi/core';
import type { RangeFile } from '../range-file.js';

/** A stored (not compressed) entry of an archive. */
export interface ZipEntry {
  /** Where the data begin in the file. */
  readonly offset: number;
  readonly byteLength: number;
  /** Of the data; 0 where the writer did not compute it. */
  readonly crc32: number;
}

/** An archive as `torch.save` writes it. */
export interface StoredZip {
  /** By their names below the archive's one root folder. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
}

/** What an entry of a PyTorch checkpoint may be called, below the root folder. */
const KNOWN_ENTRY =
  /^(data\.pkl|version|byteorder|\.format_version|\.storage_alignment|\.data\/(serialization_id|version)|data\/[\w-]{1,64})$/;
const FOLDER_ENTRY = /^(data\/|\.data\/)?$/;

const END_BYTES = 22;
const END64_BYTES = 56;
const LOCATOR_BYTES = 20;
const CENTRAL_BYTES = 46;
const LOCAL_BYTES = 30;
const LARGEST_DESCRIPTOR = 24;
const [LOCAL, CENTRAL, END, END64, LOCATOR] = [0x04034b50, 0x02014b50, 0x06054b50, 0x06064b50, 0x07064b50];
const [MAX_16, MAX_32] = [0xffff, 0xffffffff];
const ZIP64_EXTRA = 1;
/** Deflate's level (bits 1, 2), sizes behind the data (bit 3), names in UTF-8 (bit 11). Not among them: encryption. */
const ALLOWED_FLAGS = 0b1000_0000_1110;
const SIZES_BEHIND = 0b1000;
const FOLDER_ATTRIBUTE = 0x10;
/** Far beyond any checkpoint; bounds what the directory of a hostile file can cost. */
const MAX_ENTRIES = 200_000;
const MAX_DIRECTORY_BYTES = 0x4000000;

interface Directory {
  offset: number;
  byteLength: number;
  entries: number;
}

interface CentralEntry extends ZipEntry {
  name: string;
  rawName: Uint8Array;
  flags: number;
  header: number;
}

/**
 * The entries of a zip file that must consist of stored entries and nothing else: the first begins with the file, none
 * overlap, nothing lies between or behind them, both headers of each say the same. A file that another program could
 * understand differently is refused.
 * @throws PengiError E_CHECKPOINT, E_IO
 */
export function readStoredZip(file: RangeFile): StoredZip {
  const directory = findDirectory(file);
  const central = readDirectory(file, directory);
  const entries = new Map<string, ZipEntry>();
  const folded = new Set<string>();
  const root = rootOf(central[0]?.name ?? '', file);
  let end = 0;
  for (const entry of [...central].sort((a, b) => a.header - b.header)) {
    const name = checkName(entry.name, root, file);
    // PyTorch finds names whatever their case, so two that differ by case alone have two meanings.
    if (folded.has(name.toLowerCase())) throw bad(file, `has two entries "${printable(entry.name)}"`);
    folded.add(name.toLowerCase());
    const offset = checkLocal(file, entry, end, directory.offset);
    end = offset + entry.byteLength;
    if (!name.endsWith('/') && name !== '')
      entries.set(name, { offset, byteLength: entry.byteLength, crc32: entry.crc32 });
    else if (entry.byteLength > 0) throw bad(file, `has data in the folder "${printable(entry.name)}"`);
  }
  const rest = directory.offset - end;
  if (rest > (central.some(({ flags }) => flags & SIZES_BEHIND) ? LARGEST_DESCRIPTOR : 0))
    throw bad(file, `has ${rest} bytes between the last entry and the directory that belong to nothing`);
  return { entries };
}

/** From the record at the file's end, and its 64-bit form where there is one. Comments are not allowed. */
function findDirectory(file: RangeFile): Directory {
  const tailBytes = Math.min(file.size, END_BYTES + LOCATOR_BYTES + END64_BYTES);
  const tail = viewOf(file.read(file.size - tailBytes, tailBytes));
  const at = tailBytes - END_BYTES;
  if (at < 0 || tail.getUint32(at, true) !== END || tail.getUint16(at + 20, true) !== 0)
    throw bad(file, 'does not end as a zip file does', 'the file is incomplete: download or copy it again');
  const counts = [tail.getUint16(at + 8, true), tail.getUint16(at + 10, true)] as const;
  const sizes = [tail.getUint32(at + 12, true), tail.getUint32(at + 16, true)] as const;
  if (tail.getUint32(at + 4, true) !== 0) throw bad(file, 'is one part of a divided zip file');

  const wide = at >= LOCATOR_BYTES && tail.getUint32(at - LOCATOR_BYTES, true) === LOCATOR;
  let directory: Directory = { entries: counts[1], byteLength: sizes[0], offset: sizes[1] };
  let end = file.size - END_BYTES;
  if (wide) {
    end -= LOCATOR_BYTES + END64_BYTES;
    const found = Number(tail.getBigUint64(at - LOCATOR_BYTES + 8, true));
    if (tail.getUint32(at - LOCATOR_BYTES + 4, true) !== 0 || tail.getUint32(at - 4, true) !== 1)
      throw bad(file, 'is one part of a divided zip file');
    if (at < LOCATOR_BYTES + END64_BYTES || found !== end || tail.getUint32(0, true) !== END64)
      throw bad(file, 'has no 64-bit end record where its locator says');
    if (
      tail.getBigUint64(4, true) !== BigInt(END64_BYTES - 12) ||
      tail.getBigUint64(16, true) !== 0n ||
      tail.getBigUint64(24, true) !== tail.getBigUint64(32, true)
    )
      throw bad(file, 'has a 64-bit end record that contradicts itself');
    directory = {
      entries: Number(tail.getBigUint64(32, true)),
      byteLength: Number(tail.getBigUint64(40, true)),
      offset: Number(tail.getBigUint64(48, true)),
    };
  }
  const short = (value: number, max: number) => Math.min(value, max);
  if (
    counts[0] !== counts[1] ||
    ![short(directory.entries, MAX_16), wide ? MAX_16 : -1].includes(counts[1]) ||
    ![short(directory.byteLength, MAX_32), wide ? MAX_32 : -1].includes(sizes[0]) ||
    ![short(directory.offset, MAX_32), wide ? MAX_32 : -1].includes(sizes[1]) ||
    directory.offset + directory.byteLength !== end
  )
    throw bad(file, 'has end records that contradict each other or the file');
  if (directory.entries > MAX_ENTRIES || directory.byteLength > MAX_DIRECTORY_BYTES)
    throw bad(file, `has ${directory.entries} entries, more than the ${MAX_ENTRIES} that are read`);
  return directory;
}

function readDirectory(file: RangeFile, { offset, byteLength, entries }: Directory): CentralEntry[] {
  const bytes = file.read(offset, byteLength);
  const view = viewOf(bytes);
  const found: CentralEntry[] = [];
  let at = 0;
  while (at < byteLength) {
    if (at + CENTRAL_BYTES > byteLength || view.getUint32(at, true) !== CENTRAL || found.length === entries)
      throw bad(file, `has a damaged directory at ${offset + at}`);
    const nameEnd = at + CENTRAL_BYTES + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    const end = extraEnd + view.getUint16(at + 32, true);
    if (end > byteLength) throw bad(file, `has a damaged directory at ${offset + at}`);
    const rawName = bytes.subarray(at + CENTRAL_BYTES, nameEnd);
    const name = decodeName(rawName, file);
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    const fields = [24, 20, 42].map((field) => view.getUint32(at + field, true));
    const [size, packed, header] = widen(fields, bytes.subarray(nameEnd, extraEnd), name, file);
    if ((flags & ~ALLOWED_FLAGS) !== 0)
      throw bad(file, `has the entry "${printable(name)}" with flags 0x${flags.toString(16)}`);
    if (method !== 0 || size !== packed)
      throw bad(
        file,
        `has the compressed entry "${printable(name)}"`,
        'only stored entries are read, as torch.save writes them: save or zip the file again without compression',
      );
    if (view.getUint16(at + 34, true) !== 0) throw bad(file, 'is one part of a divided zip file');
    // Readers that go by the attribute find no data in it.
    if ((view.getUint8(at + 38) & FOLDER_ATTRIBUTE) !== 0 && !name.endsWith('/'))
      throw bad(file, `has the entry "${printable(name)}", which is marked as a folder`);
    found.push({
      name,
      rawName,
      flags,
      header: header as number,
      offset: 0,
      byteLength: size,
      crc32: view.getUint32(at + 16, true),
    });
    at = end;
  }
  if (found.length !== entries || entries === 0)
    throw bad(file, `has ${found.length} directory entries, its end record says ${entries}`);
  return found;
}

/** Sizes and offset of an entry; those that do not fit 32 bits stand in an extra field, in the same order. */
function widen(fields: number[], extra: Uint8Array, name: string, file: RangeFile): [number, number, number] {
  const view = viewOf(extra);
  let wide: DataView | undefined;
  for (let at = 0; at + 4 <= extra.length; ) {
    const end = at + 4 + view.getUint16(at + 2, true);
    if (end > extra.length) throw bad(file, `has a damaged extra field at "${printable(name)}"`);
    if (view.getUint16(at, true) === ZIP64_EXTRA) {
      if (wide) throw bad(file, `has two 64-bit fields at "${printable(name)}"`);
      wide = viewOf(extra.subarray(at + 4, end));
    }
    at = end;
  }
  let next = 0;
  const widened = fields.map((value) => {
    if (value !== MAX_32) return value;
    if (wide === undefined || next + 8 > wide.byteLength)
      throw bad(file, `lacks a 64-bit field at "${printable(name)}"`);
    next += 8;
    return Number(wide.getBigUint64(next - 8, true));
  });
  return widened as [number, number, number];
}

/**
 * Compares an entry with the header before its data.
 * @returns where the data begin
 */
function checkLocal(file: RangeFile, entry: CentralEntry, previousEnd: number, limit: number): number {
  const fail = (message: string) => bad(file, `has the entry "${printable(entry.name)}" ${message}`);
  const { rawName, header } = entry;
  const nameEnd = LOCAL_BYTES + rawName.length;
  if (header < previousEnd) throw fail('overlapping another one');
  // Between two entries there may be nothing but the first one's sizes once more.
  if (header - previousEnd > (previousEnd === 0 ? 0 : LARGEST_DESCRIPTOR))
    throw fail(`behind ${header - previousEnd} bytes that belong to nothing`);
  if (!Number.isSafeInteger(header + entry.byteLength) || header + nameEnd + entry.byteLength > limit)
    throw fail('reaching beyond the entries');

  const bytes = file.read(header, nameEnd);
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== LOCAL) throw fail('without a header before its data');
  const same = (at: number, value: number) => {
    const local = view.getUint32(at, true);
    // Sizes that stand behind the data, or in an extra field, which the directory has as well.
    return local === value || local === MAX_32 || (local === 0 && (entry.flags & SIZES_BEHIND) !== 0);
  };
  if (
    view.getUint16(6, true) !== entry.flags ||
    view.getUint16(8, true) !== 0 ||
    view.getUint16(26, true) !== rawName.length ||
    !rawName.every((byte, i) => byte === bytes[LOCAL_BYTES + i]) ||
    ![entry.crc32, entry.flags & SIZES_BEHIND ? 0 : entry.crc32].includes(view.getUint32(14, true)) ||
    !same(18, entry.byteLength) ||
    !same(22, entry.byteLength)
  )
    throw fail('whose two headers contradict each other');
  const offset = header + nameEnd + view.getUint16(28, true);
  if (offset + entry.byteLength > limit) throw fail('reaching beyond the entries');
  return offset;
}

function rootOf(name: string, file: RangeFile): string {
  const root = name.slice(0, name.indexOf('/') + 1);
  if (root.length < 2 || root === './' || root === '../' || /[\\\0]/.test(root))
    throw bad(file, `has the entry "${printable(name)}", which lies in no folder`);
  return root;
}

function checkName(name: string, root: string, file: RangeFile): string {
  const below = name.slice(root.length);
  if (!name.startsWith(root) || !(KNOWN_ENTRY.test(below) || FOLDER_ENTRY.test(below)))
    throw bad(
      file,
      `has the entry "${printable(name)}", which no PyTorch checkpoint has`,
      /constants\.pkl$|code\//.test(below)
        ? 'this is a TorchScript program, not a checkpoint: save its state_dict()'
        : undefined,
    );
  return below;
}

function decodeName(bytes: Uint8Array, file: RangeFile): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new PengiError('E_CHECKPOINT', 'the zip file has an entry whose name is not UTF-8', {
      file: file.name,
      cause: error,
    });
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function bad(file: RangeFile, message: string, hint = 'the file is damaged or hostile'): PengiError {
  return new PengiError('E_CHECKPOINT', `the zip file ${message}`, { file: file.name, hint });
}
