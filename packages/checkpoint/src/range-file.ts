import { type BigIntStats, closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { PengiError } from '@pengi/core';
import { fileError } from '@pengi/core/node';

/** A regular file that is read by range. No descriptor is held between reads. */
export interface RangeFile {
  /** Absolute. */
  readonly path: string;
  /** The path as it was given, for messages. */
  readonly name: string;
  readonly size: number;
  /** @throws PengiError E_IO when the file has changed or the bytes cannot be had */
  read(offset: number, length: number): Uint8Array<ArrayBuffer>;
}

/** Node refuses reads of 2 GiB and more. */
const MAX_READ = 0x40000000;

/** @throws PengiError E_NOT_FOUND or E_IO */
export async function openRangeFile(path: string): Promise<RangeFile> {
  let opened: BigIntStats;
  try {
    opened = await stat(path, { bigint: true });
  } catch (error) {
    throw fileError(error, path, 'read');
  }
  if (!opened.isFile())
    // Opening a pipe would wait for its other end for ever.
    throw new PengiError(
      'E_NOT_FOUND',
      `is a ${opened.isDirectory() ? 'folder' : 'device or pipe'}, not a file`,
      {
        file: path,
      },
    );
  const absolute = resolve(path);
  return {
    path: absolute,
    name: path,
    size: Number(opened.size),
    read(offset, length) {
      try {
        return readRange(absolute, offset, length, (now) => sameFile(opened, now));
      } catch (error) {
        throw fileError(error, path, 'read');
      }
    },
  };
}

function readRange(
  path: string,
  offset: number,
  length: number,
  isOpened: (now: BigIntStats) => boolean,
): Uint8Array<ArrayBuffer> {
  const descriptor = openSync(path, 'r');
  try {
    if (!isOpened(fstatSync(descriptor, { bigint: true })))
      throw new PengiError('E_IO', 'the file has changed since it was opened', {
        file: path,
        hint: 'open it again',
      });
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const wanted = Math.min(length - done, MAX_READ);
      const got = readSync(descriptor, bytes, done, wanted, offset + done);
      if (got === 0) throw new PengiError('E_IO', `the file ends at ${offset + done}`, { file: path });
      done += got;
    }
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

function sameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs;
}
