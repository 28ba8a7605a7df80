/**
 * Who is alive. Collectives of MPI wait for ever for a process that is stopped, and say nothing of which one it is. So a
 * worker thread of each process, which goes on while the main thread computes, holds a connection to that of rank 0 and
 * writes every second where its process is; both sides judge from that.
 */
import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { startWorker } from '@pengi/core/node';

export const COLLECTIVES = ['allReduce', 'allGather', 'broadcast', 'barrier', 'finalize'] as const;
export type Collective = (typeof COLLECTIVES)[number];

/** Where a process is, in memory that its watchdog reads: [collectives begun, 1 inside of one, the kind of the last]. */
export function activity() {
  const shared = new SharedArrayBuffer(12);
  const state = new Int32Array(shared);
  return {
    shared,
    enter(collective: number) {
      Atomics.store(state, 2, collective);
      Atomics.add(state, 0, 1);
      Atomics.store(state, 1, 1);
    },
    leave() {
      Atomics.store(state, 1, 0);
    },
  };
}

/** Given to the worker thread. */
export interface WatchdogData {
  rank: number;
  /** All of them, by rank. */
  processes: readonly { host: string; pid: number }[];
  silentSeconds: number;
  stuckSeconds: number;
  state: SharedArrayBuffer;
  /** Of the process itself; rank 0's is the one that counts. */
  token: string;
  /** Whether rank 0 starts a witness. */
  witness: boolean;
}

/** Where rank 0's watchdog listens, and what has to be said to it first. */
export interface WatchdogAddress {
  hosts: readonly string[];
  port: number;
  /** Of the witness on the same machine, where there is one. */
  witness: number | undefined;
  token: string;
}

/** Where rank 0 can be found. */
export type Listening = Pick<WatchdogAddress, 'hosts' | 'port' | 'witness'>;

export type ToWatchdog = { connect: WatchdogAddress } | 'stop';
export type FromWatchdog = { listening: Listening } | { connected: boolean } | 'lost';

export interface Watchdog {
  /** Of rank 0 only. */
  readonly listening: Promise<Listening>;
  /** Whether rank 0's could be reached; rank 0 reaches itself. */
  connect(address: WatchdogAddress): Promise<boolean>;
  /** From here on it does not keep the process alive. */
  unref(): void;
  /** Takes leave of the others: from here on silence means nothing. */
  stop(): Promise<void>;
}

/** @param onLost called after the lost process was named on stderr, and has to end the job within five seconds */
export function startWatchdog(workerData: WatchdogData, onLost: () => void): Watchdog {
  const worker: Worker = startWorker(import.meta.url, 'watchdog-worker', { workerData });
  // A watchdog that fails must not end what it watches.
  worker.on('error', (error) => process.stderr.write(`pengi: no watchdog any more: ${error.message}\n`));
  const [listening, connected] = [deferred<Listening>(), deferred<boolean>()];
  worker.on('message', (message: FromWatchdog) => {
    if (message === 'lost') onLost();
    else if ('connected' in message) connected.resolve(message.connected);
    else listening.resolve(message.listening);
  });
  return {
    listening: listening.promise,
    connect(connect) {
      worker.postMessage({ connect } satisfies ToWatchdog);
      return connected.promise;
    },
    unref: () => worker.unref(),
    async stop() {
      const stopped = once(worker, 'exit');
      worker.ref();
      worker.postMessage('stop' satisfies ToWatchdog);
      await stopped;
    },
  };
}

function deferred<T>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
