/** Kills and failures at system calls, by strace. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ended, run } from './process.js';

/** The `when`-th call of a kind that a thread makes. */
export interface Point {
  call: string;
  when: number;
}

/** What Node's file functions come down to. */
const CALLS = ['write', 'fsync', 'fdatasync', 'rename', 'unlink', 'rmdir', 'mkdir', 'openat'];

/** Installs strace where this may (root, Debian's apt-get). Why it cannot be used; undefined if it can. */
export function straceIsThere(): string | undefined {
  const works = () =>
    spawnSync('strace', ['-f', '-e', 'trace=none', 'true'], { stdio: 'ignore' }).status === 0;
  if (works()) return undefined;
  if (process.getuid?.() === 0) {
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore' });
    spawnSync('apt-get', ['install', '-y', '-qq', 'strace'], { stdio: 'ignore' });
    if (works()) return undefined;
  }
  return 'strace is not installed or may not trace here; no kill at system calls, only at the calls of Node';
}

/** How often the thread that works on files makes each call. */
export async function systemCalls(command: readonly string[]): Promise<Record<string, number>> {
  const file = join(tmpdir(), `pengi-strace-${process.pid}`);
  const ended = await run(
    ['strace', '-f', '-o', file, '-e', `trace=${CALLS.join(',')}`, ...command],
    ONE_THREAD,
  );
  if (ended.status !== 0) throw new Error(ended.err);
  const text = readFileSync(file, 'utf8');
  rmSync(file);
  // The thread that syncs: the others make calls of these kinds as well, but not on files of the run.
  const thread = /^(\d+) +fsync\(/m.exec(text)?.[1];
  const own = text.split('\n').filter((line) => line.startsWith(`${thread} `));
  return Object.fromEntries(
    CALLS.filter((call) => call !== 'openat').map((call) => [
      call,
      own.filter((line) => new RegExp(`^\\d+ +${call}\\(`).test(line)).length,
    ]),
  );
}

/** @param action as strace has it: `signal=KILL`, `error=EIO` */
export function underStrace(
  { call, when }: Point,
  action: string,
  command: readonly string[],
): Promise<Ended> {
  const inject = `inject=${call}:${action}:when=${when}`;
  return run(
    ['strace', '-f', '-o', '/dev/null', '-e', `trace=${call}`, '-e', inject, ...command],
    ONE_THREAD,
  );
}

/** strace counts by thread. */
const ONE_THREAD = { env: { UV_THREADPOOL_SIZE: '1' } };
