/** Which program started this process as one of several. */
export interface Launcher {
  /** The environment variable that gave it away. */
  readonly variable: string;
  /** How many processes it started, where it says so. */
  readonly size: number | undefined;
}

/** Open MPI, Hydra (MPICH, Intel MPI, MVAPICH) and Slurm's `srun --mpi=pmi2`, and `srun --mpi=pmix`. */
const VARIABLES = [
  { rank: 'OMPI_COMM_WORLD_RANK', size: 'OMPI_COMM_WORLD_SIZE' },
  { rank: 'PMI_RANK', size: 'PMI_SIZE' },
  { rank: 'PMIX_RANK', size: 'SLURM_NTASKS' },
] as const;

/** The launcher that the environment tells of; undefined for a process that was started alone. */
export function launcherOf(env: Readonly<Record<string, string | undefined>>): Launcher | undefined {
  const found = VARIABLES.find(({ rank }) => env[rank] !== undefined);
  if (!found) return undefined;
  const size = Number(env[found.size]);
  return { variable: found.rank, size: Number.isInteger(size) && size > 0 ? size : undefined };
}
