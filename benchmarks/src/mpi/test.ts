/** `pnpm test:mpi`: several processes for real. Needs an MPI, which it installs through apt-get where it may. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { encodeWav } from '@pengi/audio-frontend';
import { readLog } from '@pengi/train';
import { findInstallations, type Installation, type Job, programOf, runJob } from './launch.js';
import type { Phase, TrainJob } from './train-rank.js';

const TOLERANCE = 1e-5;
/** Within which a job ends after one of its processes is killed. */
const END_WITHIN = 10;
const PENGI = fileURLToPath(new URL('../../../apps/cli/bin/pengi.js', import.meta.url));

let [passed, failed] = [0, 0];
const dir = await mkdtemp(join(tmpdir(), 'pengi-mpi-'));

/** `pnpm test:mpi openmpi` tests one family only, `pnpm test:mpi openmpi kill` only the tests with that in their names. */
const [only, filter = ''] = process.argv.slice(2);
const installations = findInstallations((line) => console.log(line)).filter(
  ({ family }) => only === undefined || family === only,
);
for (const family of ['openmpi', 'mpich'] as const)
  if (only !== undefined && only !== family) console.log(`SKIPPED: ${family}, as only ${only} was asked for`);
  else if (!installations.some((found) => found.family === family))
    console.log(`SKIPPED: all tests of ${family}, which is not installed and could not be`);
try {
  for (const installation of installations) await testAll(installation, join(dir, installation.family));
  if (installations.length === 2) await testMismatch(installations[0]!, installations[1]!);
} finally {
  await rm(dir, { recursive: true, force: true });
}
console.log(`test:mpi: ${passed} passed, ${failed} failed, ${installations.length} of 2 MPI families`);
process.exitCode = failed > 0 ? 1 : 0;

async function test(name: string, run: () => Promise<string | undefined>): Promise<void> {
  if (!name.includes(filter)) return;
  const begun = performance.now();
  try {
    const note = await run();
    passed++;
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    console.log(`ok   ${name}${note ? `: ${note}` : ''} (${seconds} s)`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}\n${(error as Error).message.replace(/^/gm, '     ')}`);
  }
}

async function testAll(mpi: Installation, root: string): Promise<void> {
  const training = (ranks: number, job: TrainJob, seconds?: number) =>
    runJob(mpi, ranks, programOf('train-rank', JSON.stringify(job)), seconds ? { seconds } : {});
  const outcome = async (ranks: number, job: TrainJob) => resultOf(await training(ranks, job));

  for (const ranks of [1, 2, 4])
    await test(`${mpi.family}: the collectives in ${ranks} processes`, async () => {
      const job = await runJob(mpi, ranks, programOf('binding-rank'));
      assert.match(finished(job).out, new RegExp(`^ok ${mpi.family}$`, 'm'));
      return undefined;
    });

  for (const stage of ['clap', 'pengi'] as const)
    await test(`${mpi.family}: ${stage}, 20 steps of 1 x 8, 2 x 4 and 4 x 2 have the same losses`, async () => {
      const job = { stage, steps: 20 };
      const [one, two, four] = [await outcome(1, job), await outcome(2, job), await outcome(4, job)];
      const gap = Math.max(largestGap(two.losses, one.losses), largestGap(four.losses, one.losses));
      assert.ok(gap <= TOLERANCE, `largest relative difference ${gap}`);
      assert.equal((await outcome(2, job)).sha256, two.sha256, 'the same number of processes, twice');
      return `largest relative difference ${gap.toExponential(1)}`;
    });

  const whole = await outcome(2, { stage: 'pengi', steps: 14 });
  const phases: Phase[] = ['init', 'step', 'checkpoint', 'evaluation', 'finalize'];
  for (const phase of phases)
    for (const rank of [0, 1])
      await test(`${mpi.family}: kill -9 of rank ${rank} at ${phase}, restart`, async () => {
        const job: TrainJob = { stage: 'pengi', steps: 14, dir: join(root, `${phase}-${rank}`) };
        const killed = await training(2, { ...job, fault: { rank, signal: 'SIGKILL', phase } }, 60);
        const seconds = await assertEnded(killed, rank, END_WITHIN);
        const again = await outcome(2, { ...job, resume: true });
        assert.equal(again.sha256, whole.sha256, 'the restart has other parameters than the unbroken run');
        return `ended after ${seconds.toFixed(1)} s`;
      });

  await test(`${mpi.family}: 4 processes killed, 2 go on`, async () => {
    const job: TrainJob = { stage: 'clap', steps: 14, dir: join(root, 'elastic') };
    await training(4, { ...job, fault: { rank: 3, signal: 'SIGKILL', phase: 'step' } });
    const gap = largestGap(
      (await outcome(2, { ...job, resume: true })).losses,
      (await outcome(1, { stage: 'clap', steps: 14 })).losses,
    );
    assert.ok(gap <= TOLERANCE, `largest relative difference to the unbroken run of 1 process ${gap}`);
    return `largest relative difference to the unbroken run of 1 process ${gap.toExponential(1)}`;
  });

  for (const rank of [0, 1])
    await test(`${mpi.family}: a stopped rank ${rank} is named by the watchdog`, async () => {
      const fault = { rank, signal: 'SIGSTOP', phase: 'step' } as const;
      const job = await training(2, { stage: 'pengi', steps: 14, silentSeconds: 5, fault }, 60);
      const seconds = await assertEnded(job, rank, 15);
      assert.match(job.err, /has been silent for \d+ s: the job stands at all(Reduce|Gather) #\d+/);
      return `after ${seconds.toFixed(1)} s`;
    });

  await test(`${mpi.family}: another config in one process is refused`, async () => {
    const job = await training(4, { stage: 'pengi', steps: 14, odd: 2, dir: join(root, 'odd') });
    assert.notEqual(job.status, 0);
    assert.match(job.err, /E_CONFIG the processes disagree: seed is 3 in rank 0 and 4 in rank 2/);
    return undefined;
  });

  await test(`${mpi.family}: mpirun -n 2 pengi train clap`, () => testCommand(mpi, join(root, 'cli')));
}

/** A library of the one family under the launcher of the other: each process would be alone. */
async function testMismatch(mpi: Installation, other: Installation): Promise<void> {
  await test(`${other.family}'s library under ${mpi.family}'s mpirun is refused`, async () => {
    const job = await runJob({ ...mpi, library: other.library }, 2, programOf('binding-rank'));
    assert.notEqual(job.status, 0);
    assert.match(job.err, /the launcher started 2 processes .*, this library sees 1/);
    return undefined;
  });
}

async function testCommand(mpi: Installation, root: string): Promise<string> {
  const data = `${root}-data`;
  await mkdir(data, { recursive: true });
  const rows = ['audio,prompt,target,split'];
  for (let i = 0; i < 6; i++) {
    const samples = Float32Array.from({ length: 16000 }, (_, n) => 0.3 * Math.sin((n * (i + 1)) / 20));
    await writeFile(join(data, `${i}.wav`), encodeWav({ channels: [samples], sampleRate: 16000 }));
    rows.push(`${i}.wav,generate audio caption,a tone of kind ${i % 3},${i < 4 ? 'train' : 'valid'}`);
  }
  await writeFile(join(data, 'data.csv'), rows.join('\n'));
  const config = join(data, 'clap.json');
  await writeFile(
    config,
    JSON.stringify({ data: { manifest: 'data.csv' }, steps: 12, batch: 4, warmupSteps: 0 }),
  );
  const losses = async (ranks: number) => {
    const out = join(root, String(ranks));
    const job = await runJob(mpi, ranks, [PENGI, 'train', 'clap', '--config', config, '--out', out]);
    assert.match(finished(job).out, /^model {2}/m);
    assert.equal(/^2 processes, machines: 1, /m.test(job.out), ranks === 2);
    const lines = await readLog(join(out, 'log.jsonl'));
    return lines.flatMap((line) => (line.event === 'step' ? line.loss : []));
  };
  const gap = largestGap(await losses(2), await losses(1));
  assert.ok(gap <= TOLERANCE, `largest relative difference ${gap}`);
  const refused = await runJob(mpi, 2, [
    PENGI,
    'train',
    'clap',
    '--config',
    config,
    '--out',
    join(root, '2'),
  ]);
  assert.equal(refused.status, 73);
  assert.match(refused.err, /E_CANNOT_CREATE .*holds a run/);
  return `largest relative difference to one process ${gap.toExponential(1)}`;
}

/** @throws AssertionError unless the job failed in time, named the rank, and left no process behind */
async function assertEnded({ status, err, ended }: Job, rank: number, within: number): Promise<number> {
  const at = /^fault at (\d+)$/m.exec(err);
  assert.ok(at, `the fault did not happen:\n${err}`);
  const seconds = (ended - Number(at[1])) / 1000;
  assert.notEqual(status, 0, 'the job ended well');
  assert.ok(seconds <= within, `it took ${seconds} s to end`);
  assert.match(err, new RegExp(`E_MPI_RANK rank ${rank} `));
  for (const [, pid] of err.matchAll(/^rank \d+ is pid (\d+)$/gm))
    await assertGone(Number(pid), ended + 5000);
  return seconds;
}

/** Of a killed process an entry stays until the system's first process has asked for its status. */
async function assertGone(pid: number, until: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    assert.ok(Date.now() < until, `process ${pid} is still there`);
    await setTimeout(100);
  }
}

function finished(job: Job): Job {
  assert.equal(job.status, 0, `exit status ${job.status}\n${job.out}\n${job.err}`);
  return job;
}

function resultOf(job: Job): { losses: number[]; sha256: string } {
  const line = finished(job)
    .out.split('\n')
    .find((text) => text.startsWith('{'));
  assert.ok(line, `no result: the job was not finished\n${job.err}`);
  return JSON.parse(line);
}

function largestGap(found: readonly number[], expected: readonly number[]): number {
  assert.equal(found.length, expected.length);
  return Math.max(...found.map((x, i) => Math.abs(x - expected[i]!) / Math.abs(expected[i]!)));
}
