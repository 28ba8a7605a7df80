import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pythonWith } from '../../../scripts/python-env.js';
import type { TensorSource } from '../src/index.js';

const run = promisify(execFile);
const REFERENCE = join(import.meta.dirname, 'reference.py');
const PACKAGES = ['torch==2.15.0', 'safetensors==0.8.0', 'numpy'];

/** What the reference says about one file. */
export interface Answer {
  path: string;
  refused?: string;
  tensors?: Record<string, string>;
}

/** Runs reference.py with a command and its argument. */
export type Reference = (command: string, argument: string) => Promise<Answer[]>;

/**
 * PyTorch and safetensors for Python: of the interpreter that PENGI_PYTHON names, or in a folder for temporary files, where
 * they are installed now if they are not.
 */
export async function findReference(): Promise<Reference> {
  const python =
    process.env.PENGI_PYTHON || (await pythonWith(join(tmpdir(), 'pengi-reference'), { packages: PACKAGES }));
  return async (command, argument) => {
    const { stdout } = await run(python, [REFERENCE, command, argument], { maxBuffer: 2 ** 28 });
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Answer);
  };
}

/** Type, shape and digest of each tensor, in the words of reference.py. */
export function digests(file: TensorSource): Record<string, string> {
  return Object.fromEntries(
    [...file.tensors].map(([name, { dtype, shape }]) => [
      name,
      `${dtype} [${shape}] ${createHash('sha256').update(file.read(name).bytes).digest('hex')}`,
    ]),
  );
}

/** The differences between what is read here and there. */
export function compare(
  what: string,
  ours: Record<string, string> = {},
  answer: Answer | undefined,
): string[] {
  if (answer?.tensors === undefined)
    return [`${what}: accepted here, there ${answer?.refused ?? 'no answer'}`];
  const theirs = answer.tensors;
  return [...new Set([...Object.keys(ours), ...Object.keys(theirs)])]
    .filter((name) => ours[name] !== theirs[name] && !ours[name]?.startsWith('F4 ')) // PyTorch counts pairs of F4
    .map((name) => `${what}: tensor "${name}" is ${ours[name]} here, ${theirs[name]} there`);
}

/** Prints a line about a series and its problems. @returns how many there are */
export function report(name: string, problems: readonly string[], text: string): number {
  console.log(`${problems.length > 0 ? 'FAIL' : 'pass'}   ${name.padEnd(36)} ${text}`);
  for (const problem of problems.slice(0, 20)) console.log(`       ${problem}`);
  return problems.length;
}
