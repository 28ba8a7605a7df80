import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isPengiError } from '@pengi/core';
import { writeFileAtomic } from '@pengi/core/node';
import { sha256 } from './files.js';

/** A log-mel as it is kept: what was computed, and what was noticed on the way. */
export interface CachedFeature {
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
  /** @throws PengiError E_CANNOT_CREATE, E_DISK_FULL, E_IO */
  write(key: string, feature: CachedFeature): Promise<void>;
}

/**
 * The name of an entry: a hash of everything its numbers depend on. Objects count by content, whatever the order of
 * their keys. FORMAT is to be raised when the entries' layout, or the numbers that the front end computes, change.
 */
export function cacheKey(inputs: Readonly<Record<string, unknown>>): string {
  return sha256(JSON.stringify({ FORMAT, inputs: sorted(inputs) }));
}

const FORMAT = 1;

/** @param values how many numbers a log-mel has */
export function createFeatureCache(folder: string, values: number): FeatureCache {
  const pathOf = (key: string) => join(folder, key.slice(0, 2), `${key}.logmel`);
  return {
    async read(key) {
      const bytes = await readFile(pathOf(key)).catch(() => undefined);
      return bytes && decodeEntry(bytes, key, values);
    },
    async write(key, feature) {
      const path = pathOf(key);
      const bytes = encodeEntry(key, feature);
      await mkdir(dirname(path), { recursive: true }).catch(() => undefined); // the write says what is wrong
      try {
        await writeFileAtomic(path, bytes);
      } catch (error) {
        // Someone may have deleted the folder in between.
        if (!isPengiError(error) || error.code !== 'E_CANNOT_CREATE') throw error;
        await mkdir(dirname(path), { recursive: true }).catch(() => undefined);
        await writeFileAtomic(path, bytes);
      }
    },
  };
}

/**
 * An entry: MAGIC, the SHA-256 of the key and everything behind, the lengths of the two parts that follow (uint32,
 * little endian), the warnings as JSON, the values as float32, little endian.
 */
const MAGIC = Buffer.from('pengi-lm');
const HASH_BYTES = 32;
const HEAD_BYTES = MAGIC.length + HASH_BYTES + 8;

function encodeEntry(key: string, { logMel, warnings }: CachedFeature): Buffer {
  const notes = Buffer.from(JSON.stringify(warnings));
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(notes.length, 0);
  lengths.writeUInt32LE(logMel.byteLength, 4);
  const rest = Buffer.concat([
    lengths,
    notes,
    Buffer.from(logMel.buffer, logMel.byteOffset, logMel.byteLength),
  ]);
  return Buffer.concat([MAGIC, checksum(key, rest), rest]);
}

function decodeEntry(bytes: Buffer, key: string, values: number): CachedFeature | undefined {
  if (bytes.length < HEAD_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const rest = bytes.subarray(MAGIC.length + HASH_BYTES);
  const noteBytes = rest.readUInt32LE(0);
  const valueBytes = rest.readUInt32LE(4);
  if (valueBytes !== 4 * values || rest.length !== 8 + noteBytes + valueBytes) return undefined;
  if (!checksum(key, rest).equals(bytes.subarray(MAGIC.length, MAGIC.length + HASH_BYTES))) return undefined;
  const logMel = new Float32Array(values);
  new Uint8Array(logMel.buffer).set(rest.subarray(8 + noteBytes));
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
