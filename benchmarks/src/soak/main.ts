/**
 * `pnpm test:soak`: trains for ten minutes (`--minutes n`), half of them CLAP and half Pengi of the small preset, with parts,
 * averages, statistics of the batch, evaluations and checkpoints, and watches the memory. After a quarter of the time as
 * warm-up, the resident memory must grow by at most 1 MiB a minute (the slope of a line through all samples), the number of
 * tensors must not change, nor what JavaScript's live arrays take at least. Ends with 1 when a bound is missed. For a quiet machine: other
 * work takes nothing from the figures, but fewer steps say less. `--json` prints the figures for programs.
 */
import { spawn } from 'node:child_process';
import { availableParallelism, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { SoakSample } from './stage.js';

const MAX_SLOPE = 1; // MiB a minute
const WARM_UP = 0.25;
const ARRAY_SLACK = 2; // MiB

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error(`--minutes is ${values.minutes}, it must be above 0`);
const say = (line: string) => (values.json ? process.stderr : process.stdout).write(`${line}\n`);

say(
  `${minutes} minutes, ${availableParallelism()} cores, load ${loadavg()[0]!.toFixed(1)}, Node ${process.version}`,
);
const results = [];
for (const stage of ['clap', 'pengi'] as const) {
  const samples = await soak(stage, minutes / 2);
  results.push(judged(stage, samples));
  const { steps, slope, firstMiB, lastMiB, tensors, arrays, misses } = results.at(-1)!;
  say(
    `${stage}: ${steps} steps, ${firstMiB.toFixed(0)} MiB after warm-up, ${lastMiB.toFixed(0)} at the end, slope ${slope.toFixed(2)} MiB/min (at most ${MAX_SLOPE}), tensors ${tensors.join('…')}, arrays ${arrays.map((mib) => mib.toFixed(1)).join('…')} MiB`,
  );
  for (const miss of misses) say(`  MISSED: ${miss}`);
}
if (values.json) console.log(JSON.stringify({ minutes, results }, null, 2));
process.exitCode = results.some(({ misses }) => misses.length > 0) ? 1 : 0;

/** Runs one stage in a process of its own, whose samples come as lines. */
async function soak(stage: string, length: number): Promise<SoakSample[]> {
  const script = join(dirname(fileURLToPath(import.meta.url)), 'stage.ts');
  const child = spawn(process.execPath, ['--expose-gc', '--import', 'tsx', script, stage, String(length)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8');
  for await (const chunk of child.stdout) {
    text += chunk;
    const last = text.trim().split('\n').at(-1)!;
    if (chunk.endsWith('\n') && process.stderr.isTTY)
      process.stderr.write(`\r${stage}: ${progressOf(last)}  `);
  }
  if (process.stderr.isTTY) process.stderr.write('\r');
  const code =
    child.exitCode ?? (await new Promise<number | null>((resolve) => child.once('close', resolve)));
  if (code !== 0) throw new Error(`the stage ${stage} ended with ${code}`);
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as SoakSample);
}

function progressOf(line: string): string {
  const { seconds, step, rss } = JSON.parse(line) as SoakSample;
  return `${(seconds / 60).toFixed(1)} min, step ${step}, ${(rss / 2 ** 20).toFixed(0)} MiB`;
}

function judged(stage: string, samples: readonly SoakSample[]) {
  const end = samples.at(-1)!.seconds;
  const warm = samples.filter(({ seconds }) => seconds >= WARM_UP * end);
  const slope = slopeOf(warm.map(({ seconds, rss }) => [seconds / 60, rss / 2 ** 20]));
  const span = (of: (sample: SoakSample) => number) => [Math.min(...warm.map(of)), Math.max(...warm.map(of))];
  const tensors = span((sample) => sample.tensors);
  const arrays = span((sample) => sample.arrays / 2 ** 20);
  // A checkpoint or a batch under way has arrays of its own for a moment: what is always there must not become more.
  const half = warm.length >> 1;
  const least = (part: readonly SoakSample[]) => Math.min(...part.map((sample) => sample.arrays / 2 ** 20));
  const risen = least(warm.slice(half)) - least(warm.slice(0, half));
  const misses = [
    ...(warm.length < 10 ? [`only ${warm.length} samples after warm-up: run longer`] : []),
    ...(slope <= MAX_SLOPE ? [] : [`resident memory grows by ${slope.toFixed(2)} MiB a minute`]),
    ...(tensors[0] === tensors[1] ? [] : [`the number of tensors goes from ${tensors[0]} to ${tensors[1]}`]),
    ...(risen <= ARRAY_SLACK ? [] : [`what arrays take at least has risen by ${risen.toFixed(1)} MiB`]),
  ];
  const [firstMiB, lastMiB] = [warm[0]!.rss / 2 ** 20, warm.at(-1)!.rss / 2 ** 20];
  return {
    stage,
    steps: samples.at(-1)!.step,
    seconds: end,
    slope,
    firstMiB,
    lastMiB,
    tensors,
    arrays,
    misses,
  };
}

/** Of the line through points by least squares. */
function slopeOf(points: readonly (readonly number[])[]): number {
  const mean = (i: number) => points.reduce((sum, point) => sum + point[i]! / points.length, 0);
  const [x, y] = [mean(0), mean(1)];
  const products = points.reduce((sum, point) => sum + (point[0]! - x) * (point[1]! - y), 0);
  return products / points.reduce((sum, point) => sum + (point[0]! - x) ** 2, 0);
}
