/** heareval in Python: an environment that has it, and its two stages. */
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pythonWith } from '../../../scripts/python-env.js';

const run = promisify(execFile);
const INTEGRATION = join(import.meta.dirname, '../../../integrations/hear');
const COMPARE = join(import.meta.dirname, 'compare.py');
const SEEDED = join(import.meta.dirname, 'seeded.py');

/** What heareval imports, at versions of today but for lightning, whose interface changed; see run_heareval.py. */
const PACKAGES = [
  'torch',
  'pytorch-lightning==1.9.5',
  'scikit-learn',
  'pandas',
  'sed_eval',
  'dcase_util',
  'intervaltree',
  'more-itertools',
  'python-slugify',
  'soundfile',
  'torchinfo',
  'tqdm',
  'click',
  'pynvml',
  'setuptools<81',
];
const KIT = 'heareval==2021.1.3';

/**
 * The interpreter that PENGI_HEAR_PYTHON names, which has heareval, or one in a folder for temporary files, made now if it is not
 * there (5 GB, for PyTorch brings CUDA); undefined where that cannot be done.
 */
export async function findPython(): Promise<string | undefined> {
  if (process.env.PENGI_HEAR_PYTHON) return process.env.PENGI_HEAR_PYTHON;
  const folder = join(tmpdir(), 'pengi-heareval');
  return pythonWith(folder, { packages: PACKAGES, withoutDependencies: [KIT] }).catch((error: Error) => {
    console.log(error.message.slice(0, 2000));
    return undefined;
  });
}

/**
 * A stage of the kit. Each folder of predictions gets another seed; the grid points that are tried are those of the kit's own.
 * @param cwd gets its logs
 * @throws Error with the end of what it said
 */
export async function heareval(
  python: string,
  stage: 'embeddings' | 'predictions',
  args: readonly string[],
  cwd: string,
): Promise<void> {
  const env = {
    ...process.env,
    PENGI_COMMAND: `${process.execPath} ${join(import.meta.dirname, '../../../apps/cli/bin/pengi.js')}`,
    PYTHONWARNINGS: 'ignore',
    CUDA_VISIBLE_DEVICES: '',
    OMP_NUM_THREADS: '1', // more only wait for each other on heads so small
    TF_CPP_MIN_LOG_LEVEL: '3',
  };
  const script = join(INTEGRATION, 'run_heareval.py');
  await run(python, [SEEDED, script, `${stage}.runner`, ...args], { cwd, env, maxBuffer: 2 ** 28 }).catch(
    (error: Error & { stderr?: string }) => {
      throw new Error(`heareval.${stage}: ${(error.stderr ?? error.message).slice(-3000)}`);
    },
  );
}

/** How two folders of embeddings differ, as Python reads them. */
export interface Comparison {
  readonly rows: number;
  readonly worst: number;
  readonly labels: boolean;
  readonly clips: boolean;
}

export async function compareFolders(python: string, ours: string, theirs: string): Promise<Comparison> {
  const { stdout } = await run(python, [COMPARE, ours, theirs]);
  return JSON.parse(stdout) as Comparison;
}
