/**
 * `pnpm bench:train-mini`: one model of two million parameters on four small sets together (the recipes mini-clap, mini-lm and
 * mini-pengi), tested on recordings that it was not trained on, beside chance, two simple baselines, and models of one task that
 * saw its recordings equally often. Writes runs/train-mini/result.json; the model is in runs/train-mini/model.
 *   --seeds N (default 1: the first one's model is kept)  --no-single  --no-pitch
 *   --threads N (default 1, so that the figures do not depend on the number of cores; the recipe for pitch has as many besides)
 * The data are in PENGI_DATA (default ../shared/data/mini). Ctrl-C stops; the same command goes on.
 */
import { cp, mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { textTable } from '@pengi/bench';
import { loadClap } from '@pengi/clap';
import { type Context, findRecipe, type PitchFigures } from '@pengi/cli';
import { isPengiError } from '@pengi/core';
import { stderrProgress, writeFileAtomic } from '@pengi/core/node';
import { createEngine } from '@pengi/jit';
import { withInterrupt } from '@pengi/train';
import { loadPengi } from 'pengi';
import { startPitch } from './pitch.js';
import { type TrainedStages, trainStages } from './stages.js';
import { baselines, generated, type MiniTest, miniTests, zeroShot } from './tests.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1' },
    out: { type: 'string', default: 'runs/train-mini' },
    threads: { type: 'string', default: '1' },
    single: { type: 'boolean', default: true },
    pitch: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

const root = join(import.meta.dirname, '../../..');
const sets = resolve(root, process.env.PENGI_DATA ?? '../shared/data/mini');
const out = resolve(root, values.out);
const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => i);
const threads = Number(values.threads);
const engine = await createEngine('jit', { threads });
const context: Context = {
  json: true, // no dashboard, which would be drawn over the lines of the recipe for pitch
  debug: false,
  engine: async () => engine,
  say: (line) => console.log(line),
  data: () => undefined,
  warn: (line) => console.error(line),
  progress: stderrProgress,
};

/** Scores of one seed, by the place of the test. */
interface Scores {
  zeroShot: number[];
  multi: number[];
  single: (number | null)[];
  trainSeconds: number;
  pitch: PitchFigures | undefined;
}

try {
  const tests = await miniTests(sets);
  await report(tests, await withInterrupt((signal) => allSeeds(tests, signal), { warn: context.warn }));
} catch (error) {
  if (!isPengiError(error)) throw error;
  console.error(error.line);
  process.exitCode = error.exitCode;
}

async function allSeeds(tests: readonly MiniTest[], signal: AbortSignal): Promise<Scores[]> {
  const found: Scores[] = [];
  for (const seed of seeds) found.push(await oneSeed(tests, seed, signal));
  return found;
}

async function oneSeed(tests: readonly MiniTest[], seed: number, outer: AbortSignal): Promise<Scores> {
  const dir = join(out, `seed-${seed}`);
  const failed = new AbortController();
  const signal = AbortSignal.any([outer, failed.signal]);
  const stop = (error: unknown) => {
    failed.abort(error);
    throw error;
  };
  const { say } = context;
  const pitch = values.pitch
    ? startPitch({ out: join(dir, 'pitch'), seed, threads, say, signal }).catch(stop)
    : undefined;
  const models = modelsOf(tests, seed, dir, signal).catch(stop);
  await Promise.allSettled([models, pitch]); // both have saved before an error ends this process
  return { ...(await models), pitch: await pitch };
}

async function modelsOf(
  tests: readonly MiniTest[],
  seed: number,
  dir: string,
  signal: AbortSignal,
): Promise<Omit<Scores, 'pitch'>> {
  const common = { context, sets, seed, signal };
  console.log(`seed ${seed}: one model of all tasks`);
  const multi = await trainStages({ ...common, out: join(dir, 'multi') });
  const scores = await scored(multi, tests);
  console.log(
    `  zero-shot ${percents(scores.zeroShot)}  generated ${percents(scores.generated)}  ${multi.seconds.toFixed(0)} s`,
  );
  const single: (number | null)[] = tests.map(() => null);
  for (const source of values.single ? ['esc50', 'digits', 'nsynth'] : []) {
    console.log(`seed ${seed}: a model of ${source} alone`);
    const options = { ...common, out: join(dir, source), only: source, language: multi.language };
    const trained = await trainStages(options);
    const own = [...tests.entries()].filter(([, test]) => test.source === source);
    const { generated: told } = await scored(
      trained,
      own.map(([, test]) => test),
    );
    own.forEach(([place], i) => {
      single[place] = told[i]!;
    });
  }
  if (seed === seeds[0]) {
    await rm(join(out, 'model'), { recursive: true, force: true });
    await cp(multi.pengi, join(out, 'model'), { recursive: true });
  }
  return { zeroShot: scores.zeroShot, multi: scores.generated, single, trainSeconds: multi.seconds };
}

async function scored(trained: TrainedStages, tests: readonly MiniTest[]) {
  const clap = await loadClap(trained.clap, { engine });
  const pengi = await loadPengi(trained.pengi, { engine });
  try {
    const found = { zeroShot: [] as number[], generated: [] as number[] };
    for (const test of tests) {
      found.zeroShot.push(await zeroShot(clap, test));
      found.generated.push(await generated(pengi, test));
    }
    return found;
  } finally {
    await clap.dispose();
    await pengi.dispose();
  }
}

async function report(tests: readonly MiniTest[], found: readonly Scores[]): Promise<void> {
  const { frontend } = findRecipe('mini-clap').config.model as unknown as {
    frontend: Parameters<typeof baselines>[1];
  };
  const tasks = [];
  for (const [place, test] of tests.entries()) {
    const bySeed = {
      zeroShot: found.map((scores) => scores.zeroShot[place]!),
      generated: found.map((scores) => scores.multi[place]!),
      single: found.map((scores) => scores.single[place] ?? null),
    };
    tasks.push({
      id: test.id,
      split: test.split,
      n: test.clips.length,
      zeroShot: mean(bySeed.zeroShot),
      generated: mean(bySeed.generated),
      single: mean(bySeed.single),
      multi: mean(bySeed.generated),
      bySeed,
      chance: 1 / test.labels.length,
      ...(await baselines(test, frontend)),
    });
  }
  const pitches = found.flatMap(({ pitch }) => pitch ?? []);
  const pitch = pitches.length > 0 && {
    exact: mean(pitches.map(({ exact }) => exact)),
    withinOne: mean(pitches.map(({ withinOne }) => withinOne)),
    seconds: Math.max(...pitches.map(({ seconds }) => seconds)),
    bySeed: pitches,
  };
  const trainSeconds = Math.max(...found.map((scores) => scores.trainSeconds));
  await mkdir(out, { recursive: true });
  await writeFileAtomic(
    join(out, 'result.json'),
    `${JSON.stringify({ seeds, trainSeconds, engine: engine.description, tasks, pitch }, null, 2)}\n`,
  );
  const header = ['task', 'split', 'n', 'zero-shot', 'generated', 'single', 'chance', 'centroid', 'linear'];
  const rows = tasks.map(({ id, split, n, bySeed, chance, centroid, linear }) => [
    id,
    split,
    String(n),
    ...[bySeed.zeroShot, bySeed.generated, bySeed.single].map(cell),
    ...[chance, centroid, linear].map((value) => cell([value])),
  ]);
  console.log(textTable(header, rows));
  if (pitch)
    console.log(
      `the notes' pitch, by the quickstart's recipe: within a semitone ${cell(pitches.map((one) => one.withinOne))}, exact ${cell(pitches.map((one) => one.exact))}, ${(pitch.seconds / 60).toFixed(1)} min of training at most`,
    );
  console.log(
    `all stages of one model: ${(trainSeconds / 60).toFixed(1)} min at most; ${engine.description}`,
  );
}

function mean(values: readonly (number | null)[]): number | null {
  const there = values.filter((value) => value !== null);
  return there.length === 0 ? null : there.reduce((sum, value) => sum + value, 0) / there.length;
}

/** The mean, and the range of several. */
function cell(values: readonly (number | null)[]): string {
  const there = values.filter((value) => value !== null);
  const average = mean(there);
  if (average === null) return '–';
  const text = average.toFixed(3);
  return there.length < 2
    ? text
    : `${text} (${Math.min(...there).toFixed(2)}-${Math.max(...there).toFixed(2)})`;
}

function percents(values: readonly number[]): string {
  return values.map((value) => `${(100 * value).toFixed(0)} %`).join(', ');
}
