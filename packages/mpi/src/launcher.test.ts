import { describe, expect, it } from 'vitest';
import { launcherOf } from './launcher.js';

describe('launcherOf', () => {
  it.each([
    ['Open MPI', { OMPI_COMM_WORLD_RANK: '1', OMPI_COMM_WORLD_SIZE: '4', PMIX_RANK: '1' }, 4],
    ['Hydra', { PMI_RANK: '0', PMI_SIZE: '2' }, 2],
    ['Slurm with PMIx', { PMIX_RANK: '0', SLURM_NTASKS: '20' }, 20],
    ['PMIx alone', { PMIX_RANK: '0' }, undefined],
  ])('knows %s', (_name, env, size) => {
    expect(launcherOf(env)?.size).toBe(size);
    expect(launcherOf(env)).toBeDefined();
  });

  it('finds none in the environment of a process that was started alone', () => {
    expect(launcherOf({ PATH: '/bin', SLURM_NTASKS: '4' })).toBeUndefined();
  });
});
