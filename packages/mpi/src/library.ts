/** The installed MPI library: found, loaded, and its constants, which differ between the families. */
import { PengiError } from '@pengi/core';

type Koffi = typeof import('koffi').default;
type Library = ReturnType<Koffi['load']>;
export type NativeFunction = ReturnType<Library['func']>;

/** MPICH's binary interface is also that of Intel MPI, MVAPICH and Cray MPI. */
export type MpiFamily = 'openmpi' | 'mpich';

/** Handles and special addresses, as the C interface takes them. */
export interface Constants {
  world: bigint;
  errorsReturn: bigint;
  inPlace: bigint;
  types: { float32: bigint; float64: bigint; int32: bigint; uint8: bigint };
  operations: { sum: bigint; max: bigint; min: bigint };
}

export interface MpiLibrary {
  readonly path: string;
  readonly family: MpiFamily;
  /** As the library calls itself, on one line. */
  readonly version: string;
  readonly constants: Constants;
  /** A function of the C interface that returns an error code. */
  func(name: string, ...argumentTypes: string[]): NativeFunction;
  /** Where an array lies in memory. @throws PengiError E_SHAPE for one whose buffer has been transferred away */
  addressOf(array: ArrayBufferView): bigint;
}

/** Open MPI; the common binary interface of the MPICH family; Debian's name of MPICH; development links; macOS. */
const CANDIDATES = ['libmpi.so.40', 'libmpi.so.12', 'libmpich.so.12', 'libmpi.so', 'libmpi.dylib'];

/**
 * MPICH brings UCX, which, unless its settings say otherwise, rewrites the machine code of brk, mmap and munmap in the running
 * process to learn of memory that is given back. Node's other threads are in these functions meanwhile: about one job in
 * fifteen lost parts of its heap, and ended with a segmentation fault somewhere in V8 or malloc. Without the hooks UCX does not
 * cache registrations of memory, which shared memory and TCP have no use for. It also takes the signals of faults for itself,
 * of which SIGSEGV is what V8 checks the bounds of WebAssembly with.
 */
const UCX = { UCX_MEM_EVENTS: 'no', UCX_ERROR_SIGNALS: '' };

let loaded: MpiLibrary | undefined;

/**
 * @param override loaded in place of the usual names: PENGI_MPI_LIBRARY
 * @throws PengiError E_MPI that says what to install
 */
export async function loadMpi(override: string | undefined): Promise<MpiLibrary> {
  loaded ??= describe(await loadKoffi(), override);
  return loaded;
}

async function loadKoffi(): Promise<Koffi> {
  let koffi: Koffi;
  try {
    koffi = (await import('koffi')).default;
  } catch (cause) {
    throw new PengiError('E_MPI', 'MPI is called through the package koffi, which cannot be loaded', {
      hint: 'add it: npm install koffi',
      cause,
    });
  }
  for (const [name, value] of Object.entries(UCX)) process.env[name] ??= value;
  try {
    // Asynchronous calls run on stacks of their own, of 128 KiB unless told otherwise before the first library is loaded:
    // MPICH overflows those.
    koffi.config({ async_stack_size: 8 << 20, async_heap_size: 1 << 20, resident_async_pools: 2 });
  } catch {
    // Somebody else has used koffi before, and decided.
  }
  return koffi;
}

function describe(koffi: Koffi, override: string | undefined): MpiLibrary {
  const { library, path } = open(koffi, override);
  const func = (name: string, ...types: string[]): NativeFunction => {
    try {
      return library.func(name, 'int', types);
    } catch (cause) {
      throw new PengiError('E_MPI', `has no ${name}: it is no MPI library`, { file: path, cause });
    }
  };
  const [text, length] = [Buffer.alloc(8192), new Int32Array(1)];
  func('MPI_Get_library_version', 'void*', 'void*')(text, length); // legal before MPI_Init
  const [version = ''] = text.toString('latin1', 0, length[0]).split(/[\n\0]/);
  const family = /open mpi/i.test(version) ? 'openmpi' : 'mpich';
  const symbol = (name: string) => koffi.address(library.symbol(`ompi_mpi_${name}`));
  return {
    path,
    family,
    version,
    constants: family === 'openmpi' ? openMpiConstants(symbol) : MPICH,
    func,
    addressOf(array) {
      const address = koffi.address(array);
      if (address === 0n) throw new PengiError('E_SHAPE', "an array's buffer was transferred away");
      return address;
    },
  };
}

function open(koffi: Koffi, override: string | undefined): { library: Library; path: string } {
  const names = override ? [override] : CANDIDATES;
  const reasons: string[] = [];
  for (const path of names) {
    try {
      // Visible to what is loaded later: Open MPI's plug-ins look their symbols up that way.
      return { library: koffi.load(path, { global: true }), path };
    } catch (error) {
      reasons.push((error as Error).message);
    }
  }
  throw new PengiError(
    'E_MPI',
    override ? `PENGI_MPI_LIBRARY cannot be loaded: ${reasons[0]}` : 'no MPI library was found',
    {
      ...(override ? { file: override } : {}),
      hint: override
        ? 'name the libmpi that belongs to your mpirun'
        : 'install Open MPI (Debian and Ubuntu: apt-get install openmpi-bin; Fedora: dnf install openmpi; macOS: brew install open-mpi) or set PENGI_MPI_LIBRARY to the path of libmpi',
    },
  );
}

/** Open MPI's handles are the addresses of exported variables. */
function openMpiConstants(symbol: (name: string) => bigint): Constants {
  return {
    world: symbol('comm_world'),
    errorsReturn: symbol('errors_return'),
    inPlace: 1n,
    types: {
      float32: symbol('float'),
      float64: symbol('double'),
      int32: symbol('int32_t'),
      uint8: symbol('byte'),
    },
    operations: { sum: symbol('op_sum'), max: symbol('op_max'), min: symbol('op_min') },
  };
}

/** MPICH's handles are 32-bit integers; its ABI initiative fixed them (mpi.h of MPICH 3.1 and later). */
const MPICH: Constants = {
  world: 0x44000000n,
  errorsReturn: 0x54000001n,
  inPlace: -1n,
  types: { float32: 0x4c00040an, float64: 0x4c00080bn, int32: 0x4c000439n, uint8: 0x4c00010dn },
  operations: { sum: 0x58000003n, max: 0x58000001n, min: 0x58000002n },
};
