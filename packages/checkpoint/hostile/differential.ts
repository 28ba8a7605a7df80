import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openPth, openSafetensors, type TensorSource, writeSafetensors } from '../src/index.js';
import type { Verdict } from './child.js';

const run = promisify(execFile);
const REFERENCE = join(import.meta.dirname, 'reference.py');
const MUTANTS = ['zip, mutants', 'pickle, mutants', 'safetensors, mutants'];
const PACKAGES = ['torch==2.15.0', 'safetensors==0.8.0', 'numpy'];

/** What the reference says about one file. */
interface Answer {
  path: string;
  refused?: string;
  tensors?: Record<string, string>;
}

/**
 * Compares with PyTorch and safetensors: what is accepted here must be accepted there with the same tensors, bit for bit;
 * what they write must be read here, and the reverse.
 * @param read lets the child process read a series, keeping its files
 * @returns the number of differences
 */
export async function differential(
  work: string,
  read: (name: string, visit: (verdict: Verdict) => void) => Promise<void>,
): Promise<number> {
  const python = await findPython();
  let misses = 0;
  for (const name of MUTANTS) {
    const accepted = new Map<string, Verdict>();
    let total = 0;
    await read(name, (verdict) => {
      total++;
      const extension = name.startsWith('safetensors') ? 'safetensors' : 'pth';
      if (verdict.outcome === 'accepted')
        accepted.set(join(work, `input-${verdict.index}.${extension}`), verdict);
    });
    const answers = await check(
      python,
      work,
      [...accepted].map(([path, { root }]) => ({ path, root: root ?? [] })),
    );
    const problems = [...accepted].flatMap(([path, verdict]) =>
      compare(verdict.what, verdict.tensors, answers.get(path)),
    );
    misses += report(name, problems, `${accepted.size} of ${total} accepted, all of them by the reference`);
  }
  misses += await compareWritten(python, work);
  return misses;
}

/** Files of the reference's writers, read here, and files of ours, read there. */
async function compareWritten(python: string, work: string): Promise<number> {
  const folder = join(work, 'made');
  mkdirSync(folder);
  const { stdout } = await run(python, [REFERENCE, 'make', folder], { maxBuffer: 2 ** 26 });
  const problems: string[] = [];
  const ours: { path: string; root: string[] }[] = [];
  const wanted = new Map<string, Record<string, string>>();
  for (const answer of parse(stdout)) {
    const file = await (answer.path.endsWith('.safetensors')
      ? openSafetensors(answer.path)
      : openPth(answer.path));
    problems.push(...compare(answer.path, digests(file), answer));
    const copy = `${answer.path}.copy.safetensors`;
    // What safetensors for PyTorch reads: the types that both know.
    const names = [...file.tensors].filter(([, { dtype }]) => !dtype.endsWith('FNUZ')).map(([name]) => name);
    await writeSafetensors(copy, Object.fromEntries(names.map((name) => [name, file.read(name)])), {
      format: 'pt',
    });
    wanted.set(copy, digests(await openSafetensors(copy)));
    ours.push({ path: copy, root: [] });
  }
  const answers = await check(python, work, ours);
  for (const [path, tensors] of wanted) problems.push(...compare(path, tensors, answers.get(path)));
  return report(
    'written files',
    problems,
    `${ours.length} of theirs and ${ours.length} of ours, bit for bit`,
  );
}

function digests(file: TensorSource): Record<string, string> {
  return Object.fromEntries(
    [...file.tensors].map(([name, { dtype, shape }]) => [
      name,
      `${dtype} [${shape}] ${createHash('sha256').update(file.read(name).bytes).digest('hex')}`,
    ]),
  );
}

function compare(what: string, ours: Record<string, string> = {}, answer: Answer | undefined): string[] {
  if (answer?.tensors === undefined)
    return [`${what}: accepted here, there ${answer?.refused ?? 'no answer'}`];
  const theirs = answer.tensors;
  return [...new Set([...Object.keys(ours), ...Object.keys(theirs)])]
    .filter((name) => ours[name] !== theirs[name] && !ours[name]?.startsWith('F4 ')) // PyTorch counts pairs of F4
    .map((name) => `${what}: tensor "${name}" is ${ours[name]} here, ${theirs[name]} there`);
}

async function check(
  python: string,
  work: string,
  files: readonly { path: string; root: readonly string[] }[],
): Promise<Map<string, Answer>> {
  const list = join(work, 'list.json');
  writeFileSync(list, JSON.stringify(files));
  const { stdout } = await run(python, [REFERENCE, 'check', list], { maxBuffer: 2 ** 28 });
  return new Map(parse(stdout).map((answer) => [answer.path, answer]));
}

function parse(lines: string): Answer[] {
  return lines
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Answer);
}

function report(name: string, problems: readonly string[], text: string): number {
  const label = `differential: ${name}`;
  console.log(`${problems.length > 0 ? 'FAIL' : 'pass'}   ${label.padEnd(36)} ${text}`);
  for (const problem of problems.slice(0, 20)) console.log(`       ${problem}`);
  return problems.length;
}

/** The interpreter that PENGI_PYTHON names, or one in a folder for temporary files, made now if it is not there. */
async function findPython(): Promise<string> {
  if (process.env.PENGI_PYTHON) return process.env.PENGI_PYTHON;
  const folder = join(tmpdir(), 'pengi-reference');
  const python = join(folder, 'bin', 'python');
  const done = join(folder, 'complete');
  if (existsSync(done)) return python;
  console.log(`differential: installing ${PACKAGES.join(', ')} into ${folder}`);
  await run('python3', ['-m', 'venv', folder]);
  await run(python, ['-m', 'pip', 'install', '--quiet', ...PACKAGES], { maxBuffer: 2 ** 26 });
  writeFileSync(done, '');
  return python;
}
