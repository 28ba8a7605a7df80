import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { floatToHalf, halfToFloat } from '@pengi/checkpoint';
import { isPengiError } from '@pengi/core';
import { writeFileAtomic } from '@pengi/core/node';
import { sha256 } from './files.js';

/**
 * How log-mels are kept. 'float16' takes half of the space; values are then off by at most half a step of binary16: 1/64 dB
 * below 64 dB and 1/32 dB from there to 128 dB, in either direction.
 */
export type FeatureDtype = 'float32' | 'float16';

/** The values that come back out of a cache of this dtype. */
export function rounded(logMel: Float32Array, dtype: FeatureDtype): Float32Array {
  return dtype === 'float16' ? halfToFloat(floatToHalf(logMel)) : logMel;
}

/** A log-mel as it is kept: what was computed, and what was noticed on the way. */
export interface CachedFeature {
  /** [frames, mels] */
  readonly logMel: Float32Array;
  readonly warnings: readonly string[];
}

/**
 * Log-mels on disk, one file each: `<first two digits of the key>/<key>.logmel`. An entry that is damaged, of another
 * length or another key's counts as absent, so nothing in the folder is trusted and it can be deleted at any time;
 * entries are written to a temporary file and renamed, so processes can share the folder.
 */
export interface FeatureCache {
  /** Undefined when there is no intact entry. */
  read(key: string): Promise<CachedFeature | undefined>;
  /** The bytes written. @throws PengiError E_CANNOT_CREATE, E_DISK_FULL, E_IO */
  write(key: string, feature: CachedFeature): Promise<number>;
}

/**
 * The name of an entry: a hash of everything its numbers depend on. Objects count by content, whatever the order of
 * their keys. FORMAT is to be raised when the entries' layout, or the numbers that the front end computes, change.
 */
export function cacheKey(inputs: Readonly<Record<string, unknown>>): string {
  return sha256(JSON.stringify({ FORMAT, inputs: sorted(inputs) }));
}

const FORMAT = 1;

/** @param mels of a frame: log-mels have a multiple of it */
export function createFeatureCache(folder: string, mels: number, dtype: FeatureDtype): FeatureCache {
  const pathOf = (key: string) => join(folder, key.slice(0, 2), `${key}.logmel`);
  return {
    async read(key) {
      const bytes = await readFile(pathOf(key)).catch(() => undefined);
      return bytes && decodeEntry(bytes, key, mels, dtype);
    },
    async write(key, feature) {
      const path = pathOf(key);
      const bytes = encodeEntry(key, feature, dtype);
      await mkdir(dirname(path), { recursive: true }).catch(() => undefined); // the write says what is wrong
      try {
        await writeFileAtomic(path, bytes);
      } catch (error) {
        // Someone may have deleted the folder in between.
        if (!isPengiError(error) || error.code !== 'E_CANNOT_CREATE') throw error;
        await mkdir(dirname(path), { recursive: true }).catch(() => undefined);
        await writeFileAtomic(path, bytes);
      }
      return bytes.length;
    },
  };
}

/**
 * An entry: MAGIC, the SHA-256 of the key and everything behind, the lengths of the two parts that follow (uint32,
 * little endian), the warnings as JSON, the values as float32 or float16 (the key says which), little endian.
 */
const MAGIC = Buffer.from('pengi-lm');
const HASH_BYTES = 32;
const HEAD_BYTES = MAGIC.length + HASH_BYTES + 8;

function encodeEntry(key: string, { logMel, warnings }: CachedFeature, dtype: FeatureDtype): Buffer {
  const notes = Buffer.from(JSON.stringify(warnings));
  const values = dtype === 'float16' ? floatToHalf(logMel) : logMel;
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(notes.length, 0);
  lengths.writeUInt32LE(values.byteLength, 4);
  const rest = Buffer.concat([
    lengths,
    notes,
    Buffer.from(values.buffer, values.byteOffset, values.byteLength),
  ]);
  return Buffer.concat([MAGIC, checksum(key, rest), rest]);
}

function decodeEntry(
  bytes: Buffer,
  key: string,
  mels: number,
  dtype: FeatureDtype,
): CachedFeature | undefined {
  if (bytes.length < HEAD_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const rest = bytes.subarray(MAGIC.length + HASH_BYTES);
  const noteBytes = rest.readUInt32LE(0);
  const valueBytes = rest.readUInt32LE(4);
  const frameBytes = mels * (dtype === 'float16' ? 2 : 4);
  if (valueBytes % frameBytes !== 0 || rest.length !== 8 + noteBytes + valueBytes) return undefined;
  if (!checksum(key, rest).equals(bytes.subarray(MAGIC.length, MAGIC.length + HASH_BYTES))) return undefined;
  const values = new Uint8Array(rest.subarray(8 + noteBytes)).buffer; // a copy, which is aligned
  const logMel = dtype === 'float16' ? halfToFloat(new Uint16Array(values)) : new Float32Array(values);
  return { logMel, warnings: JSON.parse(rest.toString('utf8', 8, 8 + noteBytes)) as string[] };
}

function checksum(key: string, rest: Uint8Array): Buffer {
  return Buffer.from(sha256(key, rest), 'hex');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner)]));
}
