import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeWav } from '@pengi/audio-frontend';
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

/** A WAVE file of a sine. */
export function toneWav(options: ToneOptions = {}): Uint8Array {
  const { frequency = 440, seconds = 0.3, sampleRate = 16000, silentFrom = seconds } = options;
  const samples = Float32Array.from({ length: Math.round(seconds * sampleRate) }, (_, i) =>
    i < silentFrom * sampleRate ? 0.5 * Math.sin((2 * Math.PI * frequency * i) / sampleRate) : 0,
  );
  return encodeWav({ channels: [samples], sampleRate });
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
