/**
 * `pnpm bench:mpi`: what a second process is worth. One process of one thread against two of one thread each that share
 * the same batch; and, to tell the machine's share from ours, two processes at once that have half a batch each and nothing
 * to do with each other. Each of the three is measured three times in turn, and the fastest counts. Writes runs/bench-mpi/result.json.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import type { BenchJob, BenchResult } from './bench-rank.js';
import { findInstallations, type Installation, programOf, runJob } from './launch.js';

const JOB = { batch: Number(process.argv[2] ?? 96), steps: 8, warmup: 3 };
const ROUNDS = 3;
const OUT = join('runs', 'bench-mpi');

const [mpi] = findInstallations((line) => console.log(line));
if (!mpi) {
  console.log('SKIPPED: no MPI is installed, and none could be');
  process.exit(0);
}
const rows: object[] = [];
for (const stage of ['pengi', 'clap'] as const) {
  const load = loadavg()[0]!;
  const half = { ...JOB, batch: JOB.batch / 2, stage };
  const rounds: Record<'one' | 'two' | 'beside', BenchResult>[] = [];
  for (let i = 0; i < ROUNDS; i++)
    rounds.push({
      one: await measure(mpi, 1, { ...JOB, stage }),
      two: await measure(mpi, 2, { ...JOB, stage }),
      beside: slower(await Promise.all([measure(mpi, 1, half), measure(mpi, 1, half)])),
    });
  const [one, two, beside] = (['one', 'two', 'beside'] as const).map((what) =>
    rounds.map((round) => round[what]).reduce((a, b) => (b.stepSeconds < a.stepSeconds ? b : a)),
  ) as [BenchResult, BenchResult, BenchResult];
  const apart = beside.stepSeconds;
  const row = {
    stage,
    batch: JOB.batch,
    trainedValues: one.trained,
    oneProcessSeconds: one.stepSeconds,
    twoProcessesSeconds: two.stepSeconds,
    twoWaitSeconds: two.waitSeconds,
    twoStrangersSeconds: apart,
    allReduceSeconds: two.reduceSeconds,
    efficiency: one.stepSeconds / (2 * two.stepSeconds),
    efficiencyOfStrangers: one.stepSeconds / (2 * apart),
    loadBefore: load,
  };
  rows.push(row);
  console.log(
    `${stage}: a step of ${JOB.batch} takes ${row.oneProcessSeconds.toFixed(2)} s in one process, ${row.twoProcessesSeconds.toFixed(2)} s in two, ${row.twoWaitSeconds.toFixed(2)} s of it in collectives: efficiency ${percent(row.efficiency)}`,
  );
  console.log(
    `       two processes of half a batch that share nothing: ${apart.toFixed(2)} s, ${percent(row.efficiencyOfStrangers)}; all-reduce of ${one.trained} values: ${(1000 * two.reduceSeconds).toFixed(1)} ms; load before: ${load.toFixed(1)}`,
  );
}
await mkdir(OUT, { recursive: true });
const cpu = { model: cpus()[0]?.model, cores: availableParallelism() };
await writeFile(join(OUT, 'result.json'), `${JSON.stringify({ mpi: mpi.family, cpu, rows }, null, 2)}\n`);
console.log(join(OUT, 'result.json'));

function slower([a, b]: readonly [BenchResult, BenchResult]): BenchResult {
  return a.stepSeconds > b.stepSeconds ? a : b;
}

async function measure(installation: Installation, ranks: number, job: BenchJob): Promise<BenchResult> {
  const { status, out, err } = await runJob(
    installation,
    ranks,
    programOf('bench-rank', JSON.stringify(job)),
    {
      seconds: 600,
    },
  );
  const line = out.split('\n').find((text) => text.startsWith('{'));
  if (status !== 0 || line === undefined) throw new Error(`status ${status}\n${out}\n${err}`);
  return JSON.parse(line) as BenchResult;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
