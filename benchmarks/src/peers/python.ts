/** The peers in Python: an environment of pinned packages, and a process that does one piece of work after the other. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { pythonWith } from '../../../scripts/python-env.js';

/** Their dependencies are old versions, or nothing that is needed for what is measured, so they come without them. */
const PACKAGES = [
  'torch==2.15.0',
  'transformers==4.57.6',
  'numpy==2.4.6',
  'librosa==0.11.0',
  'soundfile',
  'safetensors',
  'pyyaml',
];
const WITHOUT_DEPENDENCIES = ['msclap==1.3.3', 'torchlibrosa==0.1.0', 'pycocoevalcap==1.2'];

/** The interpreter that PENGI_PEERS_PYTHON names, or one in `folder`, made now if it is not there. */
export async function findPython(folder: string): Promise<string> {
  if (process.env.PENGI_PEERS_PYTHON) return process.env.PENGI_PEERS_PYTHON;
  return pythonWith(folder, { packages: PACKAGES, withoutDependencies: WITHOUT_DEPENDENCIES });
}

/** What a piece of work gives: its shape, its first values and their sum, to be compared with ours. */
export interface Summary {
  shape: number[];
  head: number[];
  sum: number;
}

export interface Peers {
  versions(): Promise<Record<string, string>>;
  /** Prepares work and does it once. */
  setup(work: string, options: { arguments?: object; threads?: number }): Promise<Summary>;
  /** Milliseconds. */
  run(work: string, threads?: number): Promise<number>;
  /** Gives back the memory of `work`. */
  drop(work: string): Promise<void>;
  close(): void;
}

export function startPeers(
  python: string,
  script: string,
  model: string,
  threads: number,
  env: Record<string, string> = {},
): Peers {
  const child = spawn(python, [script, model, String(threads)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, OMP_NUM_THREADS: String(threads), PYTHONWARNINGS: 'ignore', ...env },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async <T>(command: object): Promise<T> => {
    child.stdin.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error('the process of the peers has ended');
    const answer = JSON.parse(value) as T & { error?: string };
    if (answer.error) throw new Error(`${JSON.stringify(command).slice(0, 80)}: ${answer.error}`);
    return answer;
  };
  return {
    versions: () => ask({ versions: true }),
    setup: (work, { arguments: args = {}, threads: own = threads }) =>
      ask({ setup: work, work: work.split(':')[0], arguments: args, threads: own }),
    run: async (work, own = threads) => (await ask<{ ms: number }>({ run: work, threads: own })).ms,
    drop: async (work) => void (await ask({ drop: work })),
    close: () => child.stdin.end(),
  };
}
