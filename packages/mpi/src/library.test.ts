import { describe, expect, it } from 'vitest';
import { loadMpi } from './library.js';

describe('loadMpi', () => {
  it('names the library that was asked for and is not there', async () => {
    await expect(loadMpi('/nowhere/libmpi.so')).rejects.toMatchObject({
      code: 'E_MPI',
      file: '/nowhere/libmpi.so',
      message: expect.stringMatching(/^PENGI_MPI_LIBRARY cannot be loaded: /),
      hint: 'name the libmpi that belongs to your mpirun',
    });
  });

  it.runIf(process.platform === 'linux')('refuses a library that is no MPI', async () => {
    await expect(loadMpi('libc.so.6')).rejects.toMatchObject({
      code: 'E_MPI',
      file: 'libc.so.6',
      message: 'has no MPI_Get_library_version: it is no MPI library',
    });
  });
});
