import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { ERROR_CODES, PengiError } from '@pengi/core';
import { type Calls, initialise } from './calls.js';
import type { Communicator } from './communicator.js';
import { type Launcher, launcherOf } from './launcher.js';
import { loadMpi, type MpiFamily } from './library.js';
import { activity, COLLECTIVES, type Collective, startWatchdog, type Watchdog } from './watchdog.js';

export interface MpiOptions {
  /** Seconds without a sign of life after which a process counts as lost. Default 30. */
  silentSeconds?: number;
  /**
   * Seconds after which a process that lives, but does not join the collective that others wait in, counts as lost.
   * Default 3600: one process may evaluate or save for long.
   */
  stuckSeconds?: number;
  /** Default: `process.env`. */
  env?: Readonly<Record<string, string | undefined>>;
}

export interface MpiCommunicator extends Communicator {
  readonly family: MpiFamily;
  /** As the library calls itself. */
  readonly version: string;
  /** The names of the machines, by rank. */
  readonly hosts: readonly string[];
  /** The numbers of the processes, by rank. */
  readonly pids: readonly number[];
  /**
   * Ends the processes of the whole job at once.
   * @param code the exit status, not 0
   */
  abort(code: number): never;
  /**
   * Waits for all processes and ends the use of MPI: the last call. A process that exits without it, for whatever reason,
   * ends the job.
   */
  finalize(): Promise<void>;
}

/** The exit status after a process is lost: that of E_MPI_RANK. */
const LOST = ERROR_CODES.E_MPI_RANK.exit;

let opened: Promise<MpiCommunicator> | undefined;

/**
 * All processes that `mpirun` has started; without a launcher, this process alone. MPI can be initialised once: further
 * calls give the same communicator, whatever their options.
 *
 * Collectives run beside the event loop. Beside them a worker thread tells the first process every few seconds that this
 * one is alive and where it is; a process that stops or is killed is named, and ends the job.
 * @throws PengiError E_MPI when there is no library, it cannot be used, or it does not belong to the launcher
 */
export function openMpi(options: MpiOptions = {}): Promise<MpiCommunicator> {
  opened ??= open(options);
  return opened;
}

async function open({ env = process.env, ...options }: MpiOptions): Promise<MpiCommunicator> {
  const library = await loadMpi(env.PENGI_MPI_LIBRARY);
  const calls = initialise(library);
  const { rank, size } = calls;
  assertFits(launcherOf(env), size, library.path, library.version);

  let ended = false;
  const abort = (code: number): never => {
    ended = true;
    calls.abort(code);
    process.exit(code); // not reached where MPI_Abort ends the process itself
  };
  // Also after an uncaught error. Under MPICH a process that leaves without a word has the others killed with status 0.
  const onExit = (code: number) => {
    if (!ended && size > 1) calls.abort(code || 70);
  };
  process.on('exit', onExit);

  const processes = await gatherJson(calls, { host: hostname(), pid: process.pid });
  const collective = oneAtATime();
  const communicator: MpiCommunicator = {
    rank,
    size,
    family: library.family,
    version: library.version,
    hosts: processes.map(({ host }) => host),
    pids: processes.map(({ pid }) => pid),
    allReduce: (data, operation) => collective.run('allReduce', () => calls.allReduce(data, operation)),
    allGather: (data) => collective.run('allGather', () => calls.allGather(data)),
    broadcast: (data, root) => collective.run('broadcast', () => calls.broadcast(data, root)),
    barrier: () => collective.run('barrier', () => calls.barrier()),
    abort,
    async finalize() {
      if (ended) return;
      await collective.run('finalize', () => calls.barrier());
      collective.close();
      await watchdog?.stop();
      ended = true;
      process.off('exit', onExit);
      calls.finalize();
    },
  };
  const lost = () => {
    if (!ended) abort(LOST);
  };
  const watchdog =
    size > 1 ? await watch(calls, processes, collective.state, lost, library.family, options) : undefined;
  return communicator;
}

/** A library of another MPI than the launcher's knows nothing of the other processes: each would be alone. */
function assertFits(launcher: Launcher | undefined, size: number, file: string, version: string): void {
  if (launcher?.size === undefined || launcher.size === size) return;
  throw new PengiError(
    'E_MPI',
    `the launcher started ${launcher.size} processes (${launcher.variable}), this library sees ${size}: ${version}`,
    { file, hint: 'set PENGI_MPI_LIBRARY to the libmpi of the MPI whose mpirun this is' },
  );
}

/** Runs collectives in the order of the calls, and keeps account of where this process is. */
function oneAtATime() {
  const state = activity();
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;
  return {
    state,
    close() {
      closed = true;
    },
    run<T>(name: Collective, call: () => Promise<T>): Promise<T> {
      if (closed) return Promise.reject(new PengiError('E_USAGE', `${name} after finalize`));
      const done = last.then(async () => {
        state.enter(COLLECTIVES.indexOf(name));
        try {
          return await call();
        } finally {
          state.leave();
        }
      });
      last = done.catch(() => undefined);
      return done;
    },
  };
}

async function watch(
  calls: Calls,
  processes: readonly { host: string; pid: number }[],
  state: ReturnType<typeof activity>,
  onLost: () => void,
  family: MpiFamily,
  { silentSeconds = 30, stuckSeconds = 3600 }: MpiOptions,
): Promise<Watchdog> {
  const { rank } = calls;
  const token = randomBytes(16).toString('hex');
  // Open MPI's launcher leaves the others a second.
  const witness = rank === 0 && family === 'mpich';
  const data = { rank, processes, silentSeconds, stuckSeconds, state: state.shared, token, witness };
  const watchdog = startWatchdog(data, onLost);
  const address =
    rank === 0 ? { ...(await watchdog.listening), token } : { hosts: [], port: 0, witness: undefined, token };
  const [server] = await gatherJson(calls, address);
  const reached = await calls.allGather(Int32Array.of(Number(await watchdog.connect(server!))));
  watchdog.unref();
  const alone = [...reached.keys()].filter((other) => !reached[other]);
  if (alone.length > 0 && rank === 0)
    process.stderr.write(
      `pengi: rank ${alone.join(', ')} cannot reach rank 0 by TCP: should it fall silent, nobody will notice\n`,
    );
  return watchdog;
}

/** What each process has to say, by rank. */
async function gatherJson<T>(calls: Calls, value: T): Promise<T[]> {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const lengths = await calls.allGather(Int32Array.of(bytes.length));
  const longest = Math.max(...lengths);
  const padded = new Uint8Array(longest);
  padded.set(bytes);
  const all = await calls.allGather(padded);
  return Array.from(
    lengths,
    (length, i) => JSON.parse(new TextDecoder().decode(all.subarray(i * longest, i * longest + length))) as T,
  );
}
