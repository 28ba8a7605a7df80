import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openPth, openSafetensors, writeSafetensors } from '../src/index.js';
import type { Verdict } from './child.js';
import { type Answer, compare, digests, findReference, type Reference, report } from './python.js';

const MUTANTS = ['zip, mutants', 'pickle, mutants', 'safetensors, mutants'];

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
  const reference = await findReference();
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
      reference,
      work,
      [...accepted].map(([path, { root }]) => ({ path, root: root ?? [] })),
    );
    const problems = [...accepted].flatMap(([path, verdict]) =>
      compare(verdict.what, verdict.tensors, answers.get(path)),
    );
    misses += report(
      `differential: ${name}`,
      problems,
      `${accepted.size} of ${total} accepted, all of them by the reference`,
    );
  }
  misses += await compareWritten(reference, work);
  return misses;
}

/** Files of the reference's writers, read here, and files of ours, read there. */
export async function compareWritten(reference: Reference, work: string): Promise<number> {
  const folder = join(work, 'made');
  mkdirSync(folder);
  const problems: string[] = [];
  const ours: { path: string; root: string[] }[] = [];
  const wanted = new Map<string, Record<string, string>>();
  for (const answer of await reference('make', folder)) {
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
  const answers = await check(reference, work, ours);
  for (const [path, tensors] of wanted) problems.push(...compare(path, tensors, answers.get(path)));
  return report(
    'written by PyTorch and safetensors',
    problems,
    `${ours.length} of theirs and ${ours.length} of ours, bit for bit`,
  );
}

async function check(
  reference: Reference,
  work: string,
  files: readonly { path: string; root: readonly string[] }[],
): Promise<Map<string, Answer>> {
  const list = join(work, 'list.json');
  writeFileSync(list, JSON.stringify(files));
  const answers = await reference('check', list);
  return new Map(answers.map((answer) => [answer.path, answer]));
}
