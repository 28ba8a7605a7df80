import { open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { PengiError } from '@pengi/core';
import { fileError } from '@pengi/core/node';

/**
 * Keeps other processes from the same file until it is released. What a killed process left behind is taken over.
 * @returns what releases it
 * @throws PengiError E_BUSY that names the process, E_CANNOT_CREATE
 */
export async function lock(path: string): Promise<() => Promise<void>> {
  for (let attempt = 0; ; attempt++) {
    try {
      const file = await open(path, 'wx');
      await file.writeFile(JSON.stringify({ pid: process.pid, host: hostname() }));
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw fileError(error, path, 'written');
      const holder = await readHolder(path);
      if (attempt > 0 || (holder && isAlive(holder)))
        throw new PengiError('E_BUSY', `process ${holder?.pid} on ${holder?.host} is at work here`, {
          file: path,
          hint: 'wait for it, or use another folder; remove the file if there is no such process',
        });
      await rm(path, { force: true });
    }
  }
}

interface Holder {
  readonly pid: number;
  readonly host: string;
}

/** Undefined for a lock that was never written in full. */
async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

/** Of processes on other machines nothing is known: they are taken to live. */
function isAlive({ pid, host }: Holder): boolean {
  if (host !== hostname()) return true;
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
