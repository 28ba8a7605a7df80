/** The MPI installations of this machine, and jobs under them. */
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Installation {
  family: 'openmpi' | 'mpich';
  mpirun: string;
  /** For PENGI_MPI_LIBRARY: a machine may have both. */
  library: string;
}

const KNOWN: readonly (Installation & { packages: readonly string[]; plain: RegExp })[] = [
  {
    family: 'openmpi',
    mpirun: 'mpirun.openmpi',
    library: 'libmpi.so.40',
    packages: ['openmpi-bin'],
    plain: /open mpi/i,
  },
  {
    family: 'mpich',
    mpirun: 'mpirun.mpich',
    library: 'libmpich.so.12',
    packages: ['mpich'],
    plain: /hydra/i,
  },
];

/** What is installed; where this may install (root, Debian's apt-get), both families are. */
export function findInstallations(say: (line: string) => void): Installation[] {
  return KNOWN.flatMap(({ packages, plain, ...found }) => {
    if (succeeds(found.mpirun, '--version')) return [found];
    if (process.getuid?.() === 0 && succeeds('apt-get', '--version')) {
      say(`installing ${packages.join(' ')} through apt-get`);
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
      const install = () => spawnSync('apt-get', ['install', '-y', '-qq', ...packages], { env }).status === 0;
      if (install() || (spawnSync('apt-get', ['update', '-qq']).status === 0 && install())) return [found];
    }
    // Elsewhere the launcher has one name for all families.
    const { stdout } = spawnSync('mpirun', ['--version'], { encoding: 'utf8' });
    return plain.test(stdout ?? '') ? [{ ...found, mpirun: 'mpirun' }] : [];
  });
}

function succeeds(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

export interface Job {
  status: number | null;
  out: string;
  err: string;
  /** When it ended, in milliseconds since 1970. */
  ended: number;
}

const WORKSPACE = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * Runs a program in `ranks` processes; in one, without a launcher.
 * @param seconds after which it is killed
 */
export async function runJob(
  { family, mpirun, library }: Installation,
  ranks: number,
  program: readonly string[],
  { env = {}, seconds = 120 }: { env?: Record<string, string>; seconds?: number } = {},
): Promise<Job> {
  // More ranks than cores, as root, and each rank on any core.
  const openMpi = ['--oversubscribe', '--allow-run-as-root', '--bind-to', 'none'];
  const launcher = [mpirun, ...(family === 'openmpi' ? openMpi : []), '-n', String(ranks)];
  const [command, ...args] = [...(ranks === 1 ? [] : launcher), process.execPath, ...program] as [
    string,
    ...string[],
  ];
  const child = spawn(command, args, {
    cwd: WORKSPACE,
    env: { ...process.env, NO_COLOR: '1', PENGI_MPI_LIBRARY: library, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => err.push(text));
  const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearTimeout(timer);
  return { status, out: out.join(''), err: err.join(''), ended: Date.now() };
}

/** The command line of a TypeScript program beside this one. */
export function programOf(name: string, ...args: string[]): string[] {
  return ['--import', 'tsx', fileURLToPath(new URL(`./${name}.ts`, import.meta.url)), ...args];
}
