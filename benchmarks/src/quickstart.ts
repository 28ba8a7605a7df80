/**
 * `pnpm bench:quickstart`: the quickstart with three seeds, each of which is another split of the recordings as well.
 * Writes bench-quickstart/result.json: the mean of every number, `range` from the lowest to the highest, and the `runs`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from '@pengi/core/node';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '0,1,2' },
    out: { type: 'string', default: 'bench-quickstart' },
  },
});
const root = join(import.meta.dirname, '../..');
const seeds = values.seeds.split(',').map(Number);

type Json = number | string | null | readonly Json[] | { readonly [key: string]: Json };

const runs: Json[] = [];
for (const seed of seeds) {
  console.log(`\nseed ${seed}`);
  const out = join(values.out, `seed-${seed}`);
  // By the launcher, which watches the memory of the whole process tree.
  const launcher = [join(root, 'scripts/quickstart.mjs'), '--seed', String(seed), '--out', out];
  const [status] = await once(spawn(process.execPath, launcher, { stdio: 'inherit', cwd: root }), 'exit');
  if (status !== 0) process.exit(status ?? 1);
  runs.push(JSON.parse(await readFile(join(root, out, 'result.json'), 'utf8')));
}

const mean = overRuns(runs, (numbers) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length);
const range = overRuns(runs, (numbers) => [Math.min(...numbers), Math.max(...numbers)]);
const result = { ...(mean as object), seeds, mean, range, runs };
await writeFileAtomic(join(root, values.out, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
console.log(`\nmean and range over seeds ${seeds.join(', ')}`);
print(mean, range);

/** One value out of those of all runs wherever they hold numbers; what is no number is that of the first run. */
function overRuns(values: readonly Json[], combine: (numbers: number[]) => Json): Json {
  const [first] = values;
  if (values.every((value) => typeof value === 'number')) return combine(values as number[]);
  if (first === null || typeof first !== 'object' || Array.isArray(first)) return first ?? null;
  const keys = Object.keys(first);
  return Object.fromEntries(
    keys.map((key) => [
      key,
      overRuns(
        values.map((value) => (value as Record<string, Json>)[key] ?? null),
        combine,
      ),
    ]),
  );
}

function print(mean: Json, range: Json, path = ''): void {
  if (typeof mean === 'number') {
    const [low, high] = range as [number, number];
    console.log(`${path.padEnd(28)} ${mean.toFixed(3)}  (${low.toFixed(3)} to ${high.toFixed(3)})`);
  } else if (mean !== null && typeof mean === 'object' && !Array.isArray(mean))
    for (const key of Object.keys(mean))
      print(
        (mean as Record<string, Json>)[key]!,
        (range as Record<string, Json>)[key]!,
        path === '' ? key : `${path}.${key}`,
      );
}
