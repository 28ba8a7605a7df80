/** `mpirun -n N pengi train …`: this process as one of several. */
import { availableParallelism, cpus } from 'node:os';
import { silentProgress } from '@pengi/core';
import { launcherOf, type MpiCommunicator, openMpi } from '@pengi/mpi';
import type { Context } from '../context.js';
import { reportError } from '../report-error.js';

export interface Job {
  /** That of this process: only the first one speaks. */
  context: Context;
  /** undefined without a launcher: MPI is not touched then. */
  communicator?: MpiCommunicator;
  /** Waits until all processes are done. */
  end(): Promise<void>;
  /** Ends the job after an error, which is then told here; alone, gives the error back. */
  fail(error: unknown): unknown;
}

/** @throws PengiError E_MPI when a launcher has started this process and its MPI cannot be used */
export async function joinJob(context: Context): Promise<Job> {
  const launcher = launcherOf(process.env);
  if (!launcher || launcher.size === 1)
    return { context, end: async () => undefined, fail: (error) => error };
  const communicator = await openMpi();
  const { rank, hosts, pids, family } = communicator;
  const onThisHost = hosts.filter((host) => host === hosts[rank]).length;
  // The launcher may have given this process its own cores; if not, processes of one machine share them.
  const threads = Math.max(1, Math.min(availableParallelism(), Math.floor(cpus().length / onThisHost)));
  const engine = () => context.engine({ threads });
  const silent = {
    say: () => undefined,
    data: () => undefined,
    warn: () => undefined,
    progress: silentProgress,
  };
  if (rank === 0) {
    context.say(`${hosts.length} processes, machines: ${new Set(hosts).size}, ${communicator.version}`);
    // When a process is killed, MPICH's launcher kills the others within milliseconds, and names the number alone.
    if (family === 'mpich')
      context.say(`pids by rank: ${pids.map((pid, i) => `${i} ${hosts[i]}:${pid}`).join(', ')}`);
  }
  return {
    context: rank === 0 ? { ...context, engine } : { ...context, engine, ...silent },
    communicator,
    end: () => communicator.finalize(),
    fail(error) {
      const status = reportError(error, context);
      context.warn(`rank ${rank} (host ${hosts[rank]}, pid ${process.pid}) ends the job`);
      return communicator.abort(status);
    },
  };
}
