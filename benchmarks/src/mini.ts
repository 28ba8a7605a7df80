/**
 * `pnpm bench:mini`: every task whose data lie in PENGI_DATA (default ../shared/data/mini, relative paths count from the
 * repository root), with a small model. Writes bench-mini/report.{html,md,json}.
 *   --model DIR (default runs/train-mini/model; else a small one is trained first, which is not part of the measured time)
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BENCHMARK_TASKS, type TaskResult, tasksIn } from '@pengi/bench';
import { main } from '@pengi/cli';
import { isPengiError, PengiError } from '@pengi/core';
import { writeFileAtomic } from '@pengi/core/node';
import { DATA_SETS } from '@pengi/datasets';
import { trainMiniModel } from './mini-model.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    out: { type: 'string', default: 'bench-mini' },
    seed: { type: 'string', default: '0' },
    limit: { type: 'string' },
  },
});
const root = join(import.meta.dirname, '../..');
const at = (path: string) => resolve(root, path);
const data = at(process.env.PENGI_DATA ?? '../shared/data/mini');
const out = at(values.out);
const seed = Number(values.seed);

try {
  process.exitCode = await benchMini();
} catch (error) {
  if (!isPengiError(error)) throw error;
  console.error(error.line);
  process.exitCode = error.exitCode;
}

async function benchMini(): Promise<number> {
  const there = existsSync(data) ? await tasksIn(data) : [];
  if (there.length === 0)
    throw new PengiError('E_NOT_FOUND', 'holds no data set that a task is on', {
      file: data,
      hint: 'set PENGI_DATA to a folder with data sets; "pengi bench --list" shows which and how they lie',
    });
  await mkdir(out, { recursive: true });
  const model = await modelFolder();
  // What an earlier call has answered would make this one faster than it is.
  for (const name of ['predictions.jsonl', 'tasks'])
    await rm(join(out, name), { recursive: true, force: true });

  const started = performance.now();
  const status = await main([
    'bench',
    ...['--tasks', 'all', '--model', model, '--data', data, '--out', out, '--seed', String(seed)],
    ...(values.limit === undefined ? [] : ['--limit', values.limit]),
  ]);
  if (status !== 0 && status !== 65) return status;
  const seconds = (performance.now() - started) / 1000;
  const results = JSON.parse(await readFile(join(out, 'results.json'), 'utf8')) as TaskResult[];
  const report = {
    seed,
    model,
    weightsSha256: results[0]?.provenance.weightsSha256 ?? null,
    seconds: Math.round(10 * seconds) / 10,
    tasks: BENCHMARK_TASKS.map(({ id, dataSet, metric, paper }) => {
      const result = results.find((one) => one.id === id);
      if (result) return entry(result);
      const reason = there.some((task) => task.id === id)
        ? 'the model cannot answer it'
        : `${DATA_SETS[dataSet].folders[0]} is not there`;
      return { id, folder: null, metric, paper, skipped: reason };
    }),
  };
  await writeFileAtomic(join(out, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  console.log(`${results.length} tasks in ${report.seconds} s`);
  return status;
}

function entry(result: TaskResult) {
  const { id, folder, metric, value, interval, n, nOfficial, chance, baselines, paper, notComputed } = result;
  return {
    id,
    folder,
    metric,
    method: result.method,
    value,
    ci: interval ? [interval.low, interval.high] : null,
    n,
    nOfficial,
    failed: result.failed.length,
    chance: chance?.random ?? chance?.constant ?? null,
    baselines: Object.fromEntries(baselines.map((one) => [one.system, one.value])),
    paper,
    seconds: Math.round(100 * result.seconds) / 100,
    metrics: result.metrics,
    ...(notComputed && { notComputed }),
  };
}

async function modelFolder(): Promise<string> {
  if (values.model !== undefined) return at(values.model);
  const trained = at('runs/train-mini/model');
  if (existsSync(trained)) return trained;
  console.log(
    `${trained} is not there: a small model is trained first, which is not part of the measured time`,
  );
  return trainMiniModel(data, join(out, 'training'), seed);
}
