import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { PengiError, printable } from '../errors.js';
import { fileError } from './atomic.js';

/** How often a waiting process looks. */
const POLL_MS = 200;
/** How often a holder shows that it lives, for processes of other machines, which cannot ask its system. */
const BEAT_MS = 10_000;
/** A lock that cannot be read is being written right now, or its writer died there. */
const UNREADABLE_MS = 10_000;

export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** When the process began, in its system's own words: numbers of processes are used again. */
  readonly started?: string | undefined;
}

export interface LockOptions {
  /** What the holder does, for E_BUSY: "process 7 on host a …". Default: "is at work here". */
  activity?: string;
  /** Wait for a living holder (the default), or throw E_BUSY. */
  wait?: boolean;
  /** Told once, when waiting begins. */
  onWait?: (holder: LockHolder) => void;
  /**
   * Seconds without a sign of life, which is given every ten, after which a holder on another machine loses the lock.
   * Until one is seen or they are over, this process waits, whatever `wait` says. Default: such a holder counts as living.
   */
  silentSeconds?: number;
  signal?: AbortSignal;
}

export interface Lock {
  /** @throws PengiError E_BUSY when another process has taken the lock away, or somebody has removed it */
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

/**
 * Creates the lock file `path`, which keeps others out until it is released. A dead process of this machine loses its lock.
 * @throws PengiError E_BUSY naming process and machine, E_CANNOT_CREATE, E_DISK_FULL, E_IO; the signal's reason
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<Lock> {
  const { wait = true, onWait, silentSeconds = Number.POSITIVE_INFINITY, signal } = options;
  const id = randomBytes(8).toString('hex');
  const self: LockHolder = { pid: process.pid, host: hostname(), started: startOf(process.pid) };
  const own = JSON.stringify({ ...self, id });
  let seen: { text: string; beat: number; at: number } | undefined;
  for (let told = false; !(await create(path, own)); ) {
    const found = await read(path);
    if (found === undefined) continue; // just released
    if (found === 'unfinished') {
      await pause(signal);
      continue;
    }
    const { text, beat, holder } = found;
    const silent = seen?.text === text && seen.beat === beat && performance.now() - seen.at;
    if (
      holder === undefined ||
      isDead(holder) ||
      (holder.host !== self.host && silent !== false && silent >= silentSeconds * 1000)
    ) {
      await takeAway(path, text, id);
      continue;
    }
    const undecided = holder.host !== self.host && silentSeconds < Number.POSITIVE_INFINITY;
    const lives = seen?.text === text && seen.beat !== beat;
    if (!wait && (!undecided || lives)) throw busy(path, holder, options);
    if (silent === false) seen = { text, beat, at: performance.now() };
    if (!told) onWait?.(holder);
    told = true;
    await pause(signal);
  }

  const isOwn = async () => (await readFile(path, 'utf8').catch(() => '')) === own;
  const beat = setInterval(async () => {
    const now = new Date();
    if (await isOwn()) await utimes(path, now, now).catch(() => undefined);
  }, BEAT_MS);
  beat.unref();
  return {
    async assertHeld() {
      const found = await read(path);
      if (found !== undefined && found !== 'unfinished' && found.text === own) return;
      const holder = typeof found === 'object' ? found.holder : undefined;
      if (holder) throw busy(path, holder, options);
      throw new PengiError('E_BUSY', 'the lock of this process is gone', {
        file: path,
        hint: 'something has removed it; make sure that no other process is at work here, and run again',
      });
    },
    async release() {
      clearInterval(beat);
      if (await isOwn()) await rm(path, { force: true });
    },
  };
}

/**
 * Runs `work` while this process holds the lock file `path`.
 * @throws PengiError as `acquireLock`; what `work` throws
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const lock = await acquireLock(path, options);
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

/** Whether a process of this machine has this number. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'; // EPERM: somebody else's process
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
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code === 'ENOSPC' || code === 'EDQUOT') await rm(path, { force: true }).catch(() => undefined); // made, but empty
    throw fileError(error, path, 'written');
  }
}

interface Found {
  text: string;
  /** Changes when the holder shows that it lives. */
  beat: number;
  /** Undefined when the text names none. */
  holder: LockHolder | undefined;
}

async function read(path: string): Promise<Found | 'unfinished' | undefined> {
  try {
    const text = await readFile(path, 'utf8');
    const holder = parse(text);
    const { mtimeMs } = await stat(path);
    if (holder === undefined && Date.now() - mtimeMs < UNREADABLE_MS) return 'unfinished';
    return { text, beat: mtimeMs, holder };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError(error, path, 'read');
  }
}

function parse(text: string): LockHolder | undefined {
  try {
    const { pid, host, started } = JSON.parse(text) as Partial<LockHolder>;
    return typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0 && typeof host === 'string'
      ? { pid, host, started }
      : undefined;
  } catch {
    return undefined;
  }
}

function isDead({ pid, host, started }: LockHolder): boolean {
  if (host !== hostname()) return false;
  const now = startOf(pid);
  return !isAlive(pid) || (started !== undefined && now !== undefined && now !== started);
}

/** In a container that is started again, the same number often belongs to the next process. Undefined where there is no /proc. */
function startOf(pid: number): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, the name in brackets, may hold anything; the 22nd is when the process started.
    return `${boot} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return undefined;
  }
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

function busy(path: string, { pid, host }: LockHolder, { activity = 'is at work here' }: LockOptions) {
  return new PengiError('E_BUSY', `process ${pid} on ${printable(host, 80)} ${activity}`, {
    file: path,
    hint: 'wait for it, or remove this file if that process is gone',
  });
}
