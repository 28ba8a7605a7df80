import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** In memory where the system has such a place: what is synced there costs nothing. */
export const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A new folder that is gone once the current test is over. */
export async function temporaryFolder(above = tmpdir()): Promise<string> {
  const folder = await mkdtemp(join(above, 'pengi-train-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
