import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { toneWav } from './files.js';

/** A recording of 0.1 s. */
export const WAV = toneWav({ seconds: 0.1, sampleRate: 8000 });

/** Files below a folder, by their paths; text is written in UTF-8. */
export async function writeTree(
  root: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
}

/** Recordings of 0.1 s at these paths. */
export function wavs(...paths: string[]): Record<string, Uint8Array> {
  return Object.fromEntries(paths.map((path) => [path, WAV]));
}
