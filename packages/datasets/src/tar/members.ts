import { PengiError, printable } from '@pengi/core';
import { BLOCK, padded, parseHeader } from './header.js';

/** A file within a tar. Its name is a name only: nothing here makes a path of it. */
export interface TarMember {
  readonly name: string;
  /** Where its header begins, extended headers included. */
  readonly start: number;
  /** Where its body begins. */
  readonly offset: number;
  readonly bytes: number;
  /** Behind its padding. */
  readonly end: number;
  /** Whether it is a regular file; folders, links and devices are not. */
  readonly isFile: boolean;
}

/** Bytes by offset; fewer at the end. */
export type ReadAt = (offset: number, length: number) => Promise<Uint8Array> | Uint8Array;

/** Of the extended headers: a name of more bytes is no name. */
const MAX_NAME = 64 * 1024;
const MAX_PAX = 1024 * 1024;

/**
 * The members of a tar (POSIX ustar and pax, GNU long names), in order. Bodies are passed over.
 * @param size of the whole; nothing is read beyond
 * @param file for messages
 * @param onEnd told whether there is an end mark, a block of zeros
 * @throws PengiError E_DATA, with file and offset: a damaged header, a member that ends behind the end, sparse files
 */
export async function* tarMembers(
  read: ReadAt,
  size: number,
  file: string,
  onEnd: (isMarked: boolean) => void = () => undefined,
): AsyncGenerator<TarMember> {
  const refuse = (at: number, message: string, hint?: string): never => {
    throw new PengiError('E_DATA', message, { file: `${file}@${at}`, ...(hint && { hint }) });
  };
  let at = 0;
  let start = 0;
  let extended: { name?: string; bytes?: number } = {};
  while (at < size) {
    const block = await read(at, BLOCK);
    if (block.length < BLOCK) refuse(at, `ends within a header, after ${size} bytes`, UNFINISHED);
    const header = parseHeader(block);
    if (header === 'end') return onEnd(true);
    if ('problem' in header) return refuse(at, header.problem, at === 0 ? hintFor(block) : DAMAGED);
    const { type } = header;
    const name = extended.name ?? header.name;
    // What an extended header says of the next member's size does not hold for another extended header.
    const bytes = EXTENSIONS.includes(type) ? header.bytes : (extended.bytes ?? header.bytes);
    const offset = at + BLOCK;
    const end = offset + padded(bytes);
    if (offset + bytes > size)
      refuse(
        at,
        `"${printable(name, 80)}" should have ${bytes} bytes, ${size - offset} are there`,
        UNFINISHED,
      );
    at = end;
    if (EXTENSIONS.includes(type)) {
      const limit = type === 'L' || type === 'K' ? MAX_NAME : MAX_PAX;
      if (bytes > limit)
        refuse(offset, `an extended header of ${bytes} bytes; at most ${limit} are read`, DAMAGED);
      const body = await read(offset, bytes);
      if (type === 'L') extended = { ...extended, name: untilNul(body) };
      if (type === 'x' || type === 'g') {
        const records = paxRecords(body) ?? refuse(offset, 'a pax header that cannot be read', DAMAGED);
        if (type === 'g')
          refuseGlobal(records, () => refuse(offset, 'a global pax header that renames', DAMAGED));
        else extended = { ...extended, ...fromPax(records, () => refuse(offset, SPARSE)) };
      }
      continue;
    }
    if (type === 'S') refuse(start, SPARSE);
    yield { name, start, offset, bytes, end, isFile: REGULAR.includes(type) };
    extended = {};
    start = end;
  }
  onEnd(false);
}

/** pax for the next member and for all, GNU's long name and long link target. */
const EXTENSIONS = ['x', 'g', 'L', 'K'];
const REGULAR = ['0', '7'];
const UNFINISHED = 'it is not whole: get it again';
const DAMAGED = 'it is damaged, or no tar: get it again';
const SPARSE = 'a sparse file, which is not read here';

function hintFor(block: Uint8Array): string {
  const isGzip = block[0] === 0x1f && block[1] === 0x8b;
  return isGzip
    ? 'it is packed with gzip, so that members cannot be found by offset: gunzip it first'
    : DAMAGED;
}

function untilNul(body: Uint8Array): string {
  const end = body.indexOf(0);
  return Buffer.from(end < 0 ? body : body.subarray(0, end)).toString('utf8');
}

/** Records are "LENGTH key=value\n", where LENGTH counts the whole record in bytes. */
function paxRecords(body: Uint8Array): Map<string, string> | undefined {
  const records = new Map<string, string>();
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.length; ) {
    const [, digits = ''] = /^(\d{1,9}) /.exec(bytes.toString('latin1', at, at + 10)) ?? [];
    const end = at + Number(digits);
    if (digits === '' || end <= at + digits.length + 1 || end > bytes.length || bytes[end - 1] !== 0x0a)
      return undefined;
    const record = bytes.toString('utf8', at + digits.length + 1, end - 1);
    const equals = record.indexOf('=');
    if (equals < 1) return undefined;
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at = end;
  }
  return records;
}

function fromPax(
  records: ReadonlyMap<string, string>,
  refuse: () => never,
): { name?: string; bytes?: number } {
  const [name, size] = [records.get('path'), records.get('size')];
  if ([...records.keys()].some((key) => key.startsWith('GNU.sparse.'))) refuse();
  const bytes = size === undefined ? undefined : Number(size);
  if (bytes !== undefined && !(Number.isSafeInteger(bytes) && bytes >= 0)) refuse();
  return { ...(name !== undefined && { name }), ...(bytes !== undefined && { bytes }) };
}

function refuseGlobal(records: ReadonlyMap<string, string>, refuse: () => never): void {
  if (records.has('path') || records.has('size')) refuse();
}

/** `ReadAt` over bytes at hand. */
export function readFrom(bytes: Uint8Array): ReadAt {
  return (offset, length) => bytes.subarray(offset, offset + length);
}
