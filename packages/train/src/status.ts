/** status.json: who runs, or has run, in a run folder, and how that ended. */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isPengiError } from '@pengi/core';
import { fileError, isAlive, writeFileAtomic } from '@pengi/core/node';
import type { RunObserver } from './observe.js';

export interface RunStatus {
  /** Of the newest start. "running" may be what a process that was killed has left behind. */
  state: 'running' | 'finished' | 'interrupted' | 'failed';
  /** Steps done when the newest start began or ended. */
  step: number;
  /** What has failed. */
  error?: string;
  /** Each process that has worked on this run, the oldest first. */
  starts: readonly RunStart[];
}

export interface RunStart {
  /** ISO 8601 */
  at: string;
  /** Steps done before. */
  step: number;
  engine: string;
  host: string;
  pid: number;
}

const NAME = 'status.json';

/**
 * Keeps the status of a run folder. It is for those who look at runs: where it cannot be written, the run goes on.
 * @param warn told why it cannot be written
 */
export function statusFile(dir: string, warn: (message: string) => void): RunObserver {
  const path = join(dir, NAME);
  const write = (status: RunStatus) =>
    writeFileAtomic(path, `${JSON.stringify(status, null, 2)}\n`).catch((error) => {
      warn(`no status of the run: ${isPengiError(error) ? error.line : error}`);
    });
  let status: RunStatus | undefined;
  return {
    async begin({ from, engine }) {
      const before = await readStatus(dir).catch(() => undefined);
      const at = new Date().toISOString();
      const start = { at, step: from, engine, host: hostname(), pid: process.pid };
      status = { state: 'running', step: from, starts: [...(from > 0 ? (before?.starts ?? []) : []), start] };
      await write(status);
    },
    async end({ state, step, error }) {
      const said = error === undefined ? {} : { error: isPengiError(error) ? error.line : String(error) };
      if (status) await write({ ...status, state, step, ...said });
    },
  };
}

/** undefined where there is none, or none that can be understood. @throws PengiError E_IO */
export async function readStatus(dir: string): Promise<RunStatus | undefined> {
  const path = join(dir, NAME);
  try {
    const status = JSON.parse(await readFile(path, 'utf8')) as RunStatus | null;
    return typeof status?.state === 'string' && Array.isArray(status.starts) ? status : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError(error, path, 'read');
  }
}

/** "crashed": its process is gone and has not said how it ended. On other machines that cannot be seen. */
export function stateOf(status: RunStatus): RunStatus['state'] | 'crashed' {
  const last = status.starts.at(-1);
  const gone = status.state === 'running' && last?.host === hostname() && !isAlive(last.pid);
  return gone ? 'crashed' : status.state;
}
