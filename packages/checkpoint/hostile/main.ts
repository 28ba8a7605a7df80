/**
 * `pnpm test:hostile`: files made to harm, read in a child process that may do nothing but read. Each must give a value or
 * a typed error within 2 s and 256 MiB; files made by hand and cut files must be refused. Prints what it counted, and
 * ends with 1 if anything is not so.
 *
 *   --seed N         of the mutants (default 1)
 *   --mutants N      of each kind (default 2500; nightly: 50000)
 *   --only TEXT      series whose name starts so
 *   --differential   also asks PyTorch and safetensors, see differential.ts
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { build } from 'tsup';
import type { Verdict } from './child.js';
import { differential } from './differential.js';
import { allSeries, type Series } from './inputs.js';

const LIMITS = { ms: 2000, bytes: 256 * 2 ** 20 };
/** A child that says nothing for so long hangs. */
const SILENCE_MS = 20_000;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    mutants: { type: 'string', default: '2500' },
    only: { type: 'string', default: '' },
    differential: { type: 'boolean', default: false },
  },
});
const [seed, mutants] = [Number(values.seed), Number(values.mutants)];
if (!Number.isSafeInteger(seed) || !(mutants > 0)) throw new Error('--seed and --mutants take numbers');
const work = mkdtempSync(join(tmpdir(), 'pengi-hostile-'));
let misses = 0;
try {
  await build({
    entry: { child: join(import.meta.dirname, 'child.ts') },
    outDir: join(work, 'program'),
    format: 'esm',
    outExtension: () => ({ js: '.mjs' }),
    noExternal: [/.*/],
    config: false,
    silent: true,
  });
  console.log(`hostile: seed ${seed}, ${mutants} mutants of each kind`);
  const all = Object.entries(allSeries(seed, mutants)).filter(([name]) => name.startsWith(values.only));
  for (const [name, series] of all) misses += await runSeries(name, series);
  if (values.differential)
    misses += await differential(work, (name, visit) =>
      readSeries(name, allSeries(seed, mutants)[name]!, visit, true),
    );
  else
    console.log(
      'differential: SKIPPED; --differential compares with PyTorch and safetensors (downloads them, 3 GB)',
    );
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(misses === 0 ? 'hostile: passed' : `hostile: ${misses} MISSES`);
process.exitCode = misses === 0 ? 0 : 1;

async function runSeries(name: string, series: Series): Promise<number> {
  const outcomes = new Map<string, number>();
  const problems: string[] = [];
  let [slowest, largest] = [0, 0];
  await readSeries(name, series, (verdict) => {
    const { what, outcome, typed, ms, bytes } = verdict;
    outcomes.set(typed ? outcome : 'UNTYPED', (outcomes.get(typed ? outcome : 'UNTYPED') ?? 0) + 1);
    [slowest, largest] = [Math.max(slowest, ms), Math.max(largest, bytes)];
    if (!typed) problems.push(`${what}: ${outcome}`);
    else if (series.refuse && outcome === 'accepted') problems.push(`${what}: accepted`);
    if (ms > LIMITS.ms) problems.push(`${what}: ${Math.round(ms)} ms`);
    if (bytes > LIMITS.bytes) problems.push(`${what}: ${Math.round(bytes / 2 ** 20)} MiB`);
  });
  const total = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
  if (total !== series.count) problems.push(`${total} of ${series.count} were read`);
  const counts = [...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', ');
  console.log(
    `${problems.length > 0 ? 'FAIL' : 'pass'}   ${name.padEnd(22)} ${String(total).padStart(6)} files: ${counts}; slowest ${Math.round(slowest)} ms, most memory ${Math.round(largest / 2 ** 20)} MiB`,
  );
  for (const problem of problems.slice(0, 20)) console.log(`       ${problem}`);
  return problems.length;
}

/** Lets a child read a series; one that dies or hangs is a verdict on the file that it was at, and the next goes on. */
async function readSeries(
  name: string,
  series: Series,
  visit: (verdict: Verdict) => void,
  keep = false,
): Promise<void> {
  for (let next = 0; next < series.count; ) {
    const child = start([name, String(seed), String(mutants), String(next), work, ...(keep ? ['keep'] : [])]);
    let silence = setTimeout(() => child.kill('SIGKILL'), SILENCE_MS);
    for await (const line of createInterface({ input: child.stdout! })) {
      clearTimeout(silence);
      silence = setTimeout(() => child.kill('SIGKILL'), SILENCE_MS);
      const verdict = JSON.parse(line) as Verdict;
      visit(verdict);
      next = verdict.index + 1;
    }
    clearTimeout(silence);
    const { what } = next < series.count ? series.input(next) : { what: '' };
    if (next >= series.count) return;
    visit({
      index: next,
      what,
      ms: 0,
      bytes: 0,
      outcome: `the process ended (${child.signalCode ?? child.exitCode})`,
      typed: false,
    });
    next++;
  }
}

function start(args: string[]): ChildProcess {
  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission';
  return spawn(
    process.execPath,
    [
      permission,
      '--allow-fs-read=*',
      `--allow-fs-write=${work}`,
      '--allow-fs-write=/proc/self/clear_refs',
      '--no-warnings',
      '--expose-gc',
      '--max-old-space-size=512',
      join(work, 'program', 'child.mjs'),
      ...args,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
}
