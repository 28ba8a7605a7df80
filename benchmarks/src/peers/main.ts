/**
 * `pnpm bench:peers`: the work of `works.ts` by the peers in Python and by ours, in one run: same weights, same shapes, same
 * threads, one after the other in turn. Prints a table and writes bench/peers/result.json. `--only id,id` does some of it,
 * `--rounds n` and `--threads n` change the defaults of 5 and 2; `--write file.md` puts the table between that file's markers.
 * A whole run takes a quarter of an hour.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { randomModelFolder } from '../random-model.js';
import { createContext } from './context.js';
import { machineText, measureMachine } from './machine.js';
import { measure, measureProcesses } from './measure.js';
import { findPython, startPeers } from './python.js';
import { type Result, type Row, rowText, tableOf, writeTable } from './table.js';
import { WORKS, type Work } from './works.js';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    write: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const threads = Number(values.threads);
const wanted = values.only?.split(',');
const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../../..');
const cache = join(root, '.cache/bench-peers');
const script = join(here, '../../peers/peers.py');

const python = await findPython(join(cache, 'python'));
const model = await randomModelFolder(join(root, '.cache/bench-smoke/model'));
const context = await createContext(model, cache, threads);
const peers = startPeers(python, script, model, threads);
const versions: Record<string, string> = {
  ...(await peers.versions()),
  node: process.version,
  engine: context.engine.description,
};
console.log(
  Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', '),
);
console.log(
  `${cpus()[0]?.model}, ${cpus().length} cores, load ${loadavg()[0]!.toFixed(1)}, ${threads} threads, ${rounds} rounds`,
);
const machine = await measureMachine(context);
console.log(machineText(machine));

const rows: Row[] = [];
const failures: string[] = [];
const attempt = async (ids: string, measured: () => Promise<Row[]>) => {
  try {
    for (const row of await measured()) {
      rows.push(row);
      console.log(rowText(row));
    }
  } catch (error) {
    failures.push(ids);
    console.error(`${ids} FAILED: ${(error as Error).message}`);
  }
};
const isWanted = ({ id, extra }: Work) => (wanted ? wanted.includes(id) : !extra);
for (const works of samePeer(WORKS.filter(isWanted))) {
  const ids = works.map(({ id }) => id).join(', ');
  await attempt(ids, () => measure(works, { context, peers, machine, rounds, threads }));
}
peers.close();
if (!wanted || wanted.includes('cold_start') || wanted.includes('rss'))
  await attempt('cold_start, rss', async () =>
    measureProcesses({ python, script, model, cache, threads, rounds }),
  );

const result: Result = {
  threads,
  rounds,
  machine: `${cpus()[0]?.model}, ${cpus().length} cores`,
  load: loadavg()[0]!,
  memoryGBs: machine.bytes / 1e6,
  gflops: machine.flops / 1e6,
  int8Gops: machine.int8 / 1e6,
  versions,
  rows,
};
const target = join(root, 'bench/peers/result.json');
mkdirSync(dirname(target), { recursive: true });
writeFileSync(target, `${JSON.stringify(result, null, 2)}\n`);
console.log(`\n${tableOf(result)}\n\n${target}`);
if (values.write) writeTable(values.write, result);
if (failures.length > 0) process.exitCode = 1;

/** Works that have the same peer, which then runs once a round for all of them. */
function samePeer(works: readonly Work[]): Work[][] {
  const groups = new Map<string, Work[]>();
  for (const work of works) {
    const { work: name, arguments: args, threads: own } = work.peer;
    // What is set up with arguments of its own goes alone.
    const key = args ? JSON.stringify([name, args, own]) : work.id;
    groups.set(key, [...(groups.get(key) ?? []), work]);
  }
  return [...groups.values()];
}
