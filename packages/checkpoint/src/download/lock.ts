import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { PengiError, printable } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import { isAlive } from '../folder.js';

const POLL_MS = 200;
/** A lock that cannot be read is being written right now, or its writer died there. */
const UNREADABLE_MS = 10_000;

export interface LockHolder {
  readonly pid: number;
  readonly host: string;
}

export interface LockOptions {
  /** Wait for a living holder (the default), or throw E_BUSY. */
  wait?: boolean;
  /** Told once, when waiting begins. */
  onWait?: (holder: LockHolder) => void;
  signal?: AbortSignal;
}

/**
 * Runs `work` while this process holds the lock file `path`. A holder that is a dead process of this machine loses it;
 * processes of other machines (on a shared disk) count as living.
 * @throws PengiError E_BUSY without `wait`, E_CANNOT_CREATE, E_IO; the signal's reason; what `work` throws
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  { wait = true, onWait, signal }: LockOptions = {},
): Promise<T> {
  const id = randomBytes(8).toString('hex');
  const own = JSON.stringify({ pid: process.pid, host: hostname(), id });
  for (let waiting = false; !(await create(path, own)); ) {
    const found = await read(path);
    if (found === undefined) continue; // just released
    if (found === 'unfinished') await pause(signal);
    else if (found.holder === undefined || isDead(found.holder)) await takeAway(path, found.text, id);
    else {
      if (!wait) throw busy(path, found.holder);
      if (!waiting) onWait?.(found.holder);
      waiting = true;
      await pause(signal);
    }
  }
  try {
    return await work();
  } finally {
    if ((await readFile(path, 'utf8').catch(() => '')) === own) await rm(path, { force: true });
  }
}

async function pause(signal: AbortSignal | undefined): Promise<void> {
  // sleep throws an AbortError; wanted is the reason of the abort
  await sleep(POLL_MS, undefined, signal && { signal }).catch(() => signal?.throwIfAborted());
}

async function create(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw fileError(error, path, 'written');
  }
}

interface Lock {
  text: string;
  /** Undefined when the text names none. */
  holder: LockHolder | undefined;
}

async function read(path: string): Promise<Lock | 'unfinished' | undefined> {
  try {
    const text = await readFile(path, 'utf8');
    const holder = parse(text);
    if (holder === undefined && Date.now() - (await stat(path)).mtimeMs < UNREADABLE_MS) return 'unfinished';
    return { text, holder };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError(error, path, 'read');
  }
}

function parse(text: string): LockHolder | undefined {
  try {
    const { pid, host } = JSON.parse(text) as Partial<LockHolder>;
    return typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0 && typeof host === 'string'
      ? { pid, host }
      : undefined;
  } catch {
    return undefined;
  }
}

function isDead({ pid, host }: LockHolder): boolean {
  return host === hostname() && !isAlive(pid);
}

/** Removes the lock that holds `text`. Another process may do the same and lock anew: what was moved by mistake goes back. */
async function takeAway(path: string, text: string, id: string): Promise<void> {
  const aside = `${path}.${id}`;
  try {
    await rename(path, aside);
    if ((await readFile(aside, 'utf8')) !== text) await link(aside, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EEXIST') throw fileError(error, path, 'written');
  } finally {
    await rm(aside, { force: true });
  }
}

function busy(path: string, { pid, host }: LockHolder): PengiError {
  return new PengiError('E_BUSY', `process ${pid} on ${printable(host, 80)} is downloading this`, {
    file: path,
    hint: 'wait for it, or remove this file if that process is gone',
  });
}
