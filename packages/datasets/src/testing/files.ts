import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isPengiError, type PengiError } from '@pengi/core';
import { afterEach, beforeEach } from 'vitest';

/** For the tests of this package: folders that go away again, and small recordings. */

/** A new empty folder for each test; call it for its path. */
export function temporaryFolder(): () => string {
  let folder = '';
  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'pengi-datasets-')));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  return () => folder;
}

export interface ToneOptions {
  readonly frequency?: number;
  readonly seconds?: number;
  readonly sampleRate?: number;
  /** Silence from here on, seconds. */
  readonly silentFrom?: number;
}

/** A WAVE file of a sine: 16 bits, mono. */
export function toneWav(options: ToneOptions = {}): Buffer {
  const { frequency = 440, seconds = 0.3, sampleRate = 16000, silentFrom = seconds } = options;
  const samples = Int16Array.from({ length: Math.round(seconds * sampleRate) }, (_, i) =>
    i < silentFrom * sampleRate ? 16000 * Math.sin((2 * Math.PI * frequency * i) / sampleRate) : 0,
  );
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + samples.byteLength, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(sampleRate, 24);
  head.writeUInt32LE(2 * sampleRate, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(samples.byteLength, 40);
  return Buffer.concat([head, Buffer.from(samples.buffer)]);
}

export async function writeTone(folder: string, name: string, options: ToneOptions = {}): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, toneWav(options));
  return path;
}

/** The PengiError that `work` fails with. */
export async function failure(work: Promise<unknown> | (() => unknown)): Promise<PengiError> {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (error) {
    if (isPengiError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
