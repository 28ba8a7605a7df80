import { PengiError, printable } from '@pengi/core';
import { byteLengthOf, isTensorDtype, type TensorDtype } from './dtypes.js';
import type { FileTensorInfo, TensorInfo } from './source.js';
import { strictJsonProblem } from './strict-json.js';

/**
 * The header of a safetensors file: 8 bytes of length N, little endian; N bytes of JSON
 * `{"__metadata__": {string: string}, name: {"dtype", "shape", "data_offsets": [begin, end]}}`, padded with blanks; then
 * the data, which the ranges must cover from its first to its last byte, each byte once. The checks are those of the
 * official library (github.com/huggingface/safetensors, tensor.rs); stricter are: repeated keys are refused everywhere,
 * numbers end at 2^53, and the header starts with `{`, as the format's description says.
 */
export interface Header {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, FileTensorInfo>;
}

/** The bytes before the header's text. */
export const PREFIX_BYTES = 8;
const MAX_HEADER_BYTES = 100_000_000;
const METADATA_KEY = '__metadata__';
/** A cache line and a vector register: whoever maps the file gets aligned data. The format allows any padding. */
const DATA_ALIGNMENT = 64;
const HOSTILE = 'the file is damaged or hostile';

/**
 * The length of the header's text, from the file's first bytes (8 or fewer, if the file is shorter).
 * @throws PengiError E_ST_HEADER
 */
export function headerLength(start: Uint8Array, fileBytes: number, file: string): number {
  const fail = (message: string) =>
    new PengiError('E_ST_HEADER', message, { file, hint: foreignFileHint(start) ?? HOSTILE });
  if (fileBytes < PREFIX_BYTES)
    throw fail(
      `the file has ${count(fileBytes)} bytes, a safetensors file starts with 8 bytes of header length`,
    );

  const length = new DataView(start.buffer, start.byteOffset, PREFIX_BYTES).getBigUint64(0, true);
  if (length > BigInt(fileBytes - PREFIX_BYTES))
    throw fail(`header length ${length} exceeds the file (${count(fileBytes)} bytes)`);
  if (length > BigInt(MAX_HEADER_BYTES))
    throw fail(`header length ${length} exceeds the format's limit of ${count(MAX_HEADER_BYTES)} bytes`);
  return Number(length);
}

/**
 * @param text the header without its length
 * @param dataBytes how many bytes follow it in the file
 * @throws PengiError E_ST_HEADER or E_ST_TENSOR
 */
export function parseHeader(text: Uint8Array, dataBytes: number, file: string): Header {
  const members = Object.entries(parseText(text, file));
  const dataStart = PREFIX_BYTES + text.length;
  const metadata = parseMetadata(members.find(([key]) => key === METADATA_KEY)?.[1], file);

  const found: [name: string, info: FileTensorInfo][] = members
    .filter(([name]) => name !== METADATA_KEY)
    .map(([name, entry]) => [name, parseEntry(name, entry, dataStart, file)]);
  // An empty tensor shares its begin with the tensor behind it and comes first.
  found.sort(([, a], [, b]) => a.offset - b.offset || a.byteLength - b.byteLength);
  checkCoverage(found, dataStart, dataBytes, file);
  return { metadata, tensors: new Map(found) };
}

/**
 * The first bytes of a file with these tensors, in this order: length and padded header.
 * @throws PengiError E_ST_TENSOR for a name that the format cannot hold
 */
export function encodeHeader(
  tensors: readonly (readonly [name: string, info: TensorInfo])[],
  metadata: Readonly<Record<string, string>>,
  file: string,
): Uint8Array {
  let end = 0;
  // Joined by hand: an object would put names that look like numbers first and lose `__proto__`.
  const members = tensors.map(([name, { dtype, shape, byteLength }]) => {
    if (name === METADATA_KEY || /[\ud800-\udfff]/u.test(name))
      throw tensorError(name, 'has a name that the format cannot hold', file);
    const begin = end;
    end += byteLength;
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`;
  });
  if (Object.keys(metadata).length > 0) members.unshift(`"${METADATA_KEY}":${JSON.stringify(metadata)}`);

  const text = new TextEncoder().encode(`{${members.join(',')}}`);
  const total = Math.ceil((PREFIX_BYTES + text.length) / DATA_ALIGNMENT) * DATA_ALIGNMENT;
  if (total - PREFIX_BYTES > MAX_HEADER_BYTES)
    throw new PengiError('E_ST_HEADER', `the header takes more than ${count(MAX_HEADER_BYTES)} bytes`, {
      file,
    });
  const bytes = new Uint8Array(total).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(total - PREFIX_BYTES), true);
  bytes.set(text, PREFIX_BYTES);
  return bytes;
}

/** @throws PengiError E_ST_TENSOR when there is no such tensor */
export function infoOf(
  tensors: ReadonlyMap<string, FileTensorInfo>,
  name: string,
  file: string,
): FileTensorInfo {
  const info = tensors.get(name);
  if (info === undefined) throw tensorError(name, `is not among the ${tensors.size} of this file`, file);
  return info;
}

/** `tensor "name" …` as an error, with the name made printable. */
export function tensorError(name: string, message: string, file: string | undefined, hint?: string) {
  return new PengiError('E_ST_TENSOR', `tensor "${printable(name)}" ${message}`, {
    ...(file === undefined ? {} : { file }),
    ...(hint === undefined ? {} : { hint }),
  });
}

function parseText(bytes: Uint8Array, file: string): Record<string, unknown> {
  const fail = (message: string, cause?: unknown) =>
    new PengiError('E_ST_HEADER', message, { file, hint: HOSTILE, cause });
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw fail('the header is not UTF-8', error);
  }
  if (!text.startsWith('{')) throw fail('the header does not start with "{"');
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text) as Record<string, unknown>; // an object: it starts with "{"
  } catch (error) {
    throw fail('the header is not valid JSON', error);
  }
  const problem = strictJsonProblem(text);
  if (problem !== undefined) throw fail(`in the header ${printable(problem)}`);
  return value;
}

function parseMetadata(value: unknown, file: string): Record<string, string> {
  if (value === undefined) return {};
  const fail = (message: string) =>
    new PengiError('E_ST_HEADER', `${METADATA_KEY} ${message}`, { file, hint: HOSTILE });
  if (!isObject(value)) throw fail('is not an object');
  const entries = Object.entries(value).map(([key, text]): [string, string] => {
    if (typeof text !== 'string') throw fail(`holds "${printable(key)}", which is not a string`);
    return [key, text];
  });
  return Object.fromEntries(entries);
}

function parseEntry(name: string, entry: unknown, dataStart: number, file: string): FileTensorInfo {
  const fail = (message: string) => tensorError(name, message, file, HOSTILE);
  if (!isObject(entry)) throw fail('is not described by an object');
  const { dtype, shape, data_offsets: range } = entry;
  if (!isTensorDtype(dtype)) throw fail(`has the dtype ${show(dtype)}, which the format does not know`);
  if (!isSizes(shape)) throw fail(`has the shape ${show(shape)}, not a list of integers from 0 to 2^53`);
  if (!isSizes(range) || range.length !== 2)
    throw fail(`has the range ${show(range)}, not two integers from 0 to 2^53`);

  const [begin, end] = range as [number, number];
  if (begin > end) throw fail(`begins at ${begin}, after its end ${end}`);
  const byteLength = byteLengthOf(dtype, shape);
  if (byteLength === undefined) throw fail(sizeProblem(dtype, shape));
  if (end - begin !== byteLength)
    throw fail(
      `of ${dtype} [${shape.join(',')}] needs ${count(byteLength)} bytes, its range [${begin},${end}) has ${count(end - begin)}`,
    );
  return { dtype, shape, byteLength, offset: dataStart + begin };
}

/** Every byte of the data belongs to one tensor: no second meaning can hide in a hole, an overlap or behind the end. */
function checkCoverage(
  tensors: readonly (readonly [string, FileTensorInfo])[],
  dataStart: number,
  dataBytes: number,
  file: string,
): void {
  const range = ({ offset, byteLength }: FileTensorInfo) =>
    `[${offset - dataStart},${offset - dataStart + byteLength})`;
  let end = dataStart;
  let previous: readonly [string, FileTensorInfo] | undefined;
  for (const tensor of tensors) {
    const [name, info] = tensor;
    if (info.offset < end && previous)
      throw tensorError(
        name,
        `${range(info)} overlaps "${printable(previous[0])}" ${range(previous[1])}`,
        file,
        HOSTILE,
      );
    if (info.offset > end)
      throw tensorError(
        name,
        `${range(info)} leaves a hole of ${count(info.offset - end)} bytes before it`,
        file,
        HOSTILE,
      );
    end = info.offset + info.byteLength;
    previous = tensor;
  }
  const described = end - dataStart;
  if (described === dataBytes) return;
  const message = `the header describes ${count(described)} bytes of data, the file has ${count(dataBytes)}`;
  const hint = described > dataBytes ? 'the file is incomplete: download or copy it again' : HOSTILE;
  throw new PengiError('E_ST_HEADER', message, { file, hint });
}

function sizeProblem(dtype: TensorDtype, shape: readonly number[]): string {
  return `has the shape ${show(shape)} of ${dtype}, whose size is beyond 2^53 bits or no whole number of bytes`;
}

/** What people hand over in place of a safetensors file. */
function foreignFileHint(start: Uint8Array): string | undefined {
  const text = new TextDecoder('latin1').decode(start.subarray(0, PREFIX_BYTES));
  if (text.startsWith('version ')) return 'this is a Git LFS pointer, not the file: run "git lfs pull"';
  if (text.startsWith('PK\x03\x04')) return 'this is a zip, such as a PyTorch checkpoint: convert it first';
  if (/^\s*<(!doc|htm)/i.test(text)) return 'this is a web page: the download went wrong';
  return undefined;
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value out of a file, short and printable. */
function show(value: unknown): string {
  return printable(JSON.stringify(value) ?? 'undefined', 80);
}

function count(n: number): string {
  return n.toLocaleString('en-US');
}
