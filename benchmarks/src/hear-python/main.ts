/**
 * `pnpm test:hear-python [MODEL]`: heareval itself beside `pengi hear`, on made tasks of scenes and of events and on the HEAR tasks in
 * PENGI_DATA. Without MODEL, a small one of random weights.
 *   1. heareval embeds the tasks through integrations/hear: its files hold what ours hold.
 *   2. heareval trains on our files, of which it gets those alone that are its own; over several seeds of both, its mean score is ours.
 * Says SKIPPED where there is no Python that has heareval and none can be installed. Ends with 1 when anything differs.
 */
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { evaluateProbes, findHearTasks, readEmbeddings } from '@pengi/bench';
import { saveModelFolder } from '@pengi/checkpoint';
import { main } from '@pengi/cli';
import { createEngine } from '@pengi/jit';
import { initParams } from '@pengi/nn';
import { pengiSpec, SMALL_FRONTEND, smallConfigs } from 'pengi';
import { compareFolders, findPython, heareval } from './python.js';
import { madeTasks } from './tasks.js';

const root = join(import.meta.dirname, '../../..');
/** Float32 in batches of other sizes, relative to the largest value. */
const SAME = 1e-5;
/** Of each side. */
const SEEDS = 6;
/** How many standard errors the two means may be apart. */
const ERRORS = 4;

const python = await findPython();
if (python === undefined) {
  console.log('SKIPPED: no Python with heareval, and it could not be installed (is there a network?)');
  process.exit(0);
}
const work = await mkdtemp(join(tmpdir(), 'pengi-hear-'));
let failures = 0;
try {
  const model = process.argv[2] === undefined ? await randomModel() : resolve(process.argv[2]);
  const tasks = await allTasks();
  const status = await main([
    ...['hear', '--tasks', tasks, '--model', model, '--out', join(work, 'ours')],
    ...['--grid', 'fast', '--probes', 'hear'],
  ]);
  if (status !== 0) throw new Error(`pengi hear ended with status ${status}`);
  const [name] = await readdir(join(work, 'ours'));
  const ours = (task: string) => join(work, 'ours', name!, task);
  const names = (await findHearTasks(tasks)).map((folder) => basename(folder));

  await heareval(
    python,
    'embeddings',
    ['pengi_hear', '--model', model, '--tasks-dir', tasks, '--embeddings-dir', join(work, 'theirs')],
    work,
  );
  for (const task of names) {
    const found = await compareFolders(python, ours(task), join(work, 'theirs', 'pengi_hear', task));
    const right = found.worst <= SAME && found.labels && found.clips;
    report(right, `${task}: embedded by heareval through the shim`, JSON.stringify(found));
  }

  for (const task of names) await compareScores(task, ours(task));
} finally {
  await rm(work, { recursive: true, force: true });
}
console.log(`test:hear-python: ${failures === 0 ? 'passed' : `${failures} MISSES`}`);
process.exitCode = failures === 0 ? 0 : 1;

/** Those that the model's rate fits: heareval does not resample. */
async function allTasks(): Promise<string> {
  const made = await madeTasks(join(work, 'tasks'), SMALL_FRONTEND.sampleRate);
  const data = join(resolve(root, process.env.PENGI_DATA ?? '../shared/data/mini'), 'hear-like/tasks');
  if (!existsSync(data)) console.log(`SKIPPED: the tasks in ${data}, which is not there`);
  else
    for (const task of await findHearTasks(data))
      if (existsSync(join(task, String(SMALL_FRONTEND.sampleRate))))
        await symlink(resolve(task), join(made, basename(task)));
  return made;
}

async function randomModel(): Promise<string> {
  const { pengi } = smallConfigs({ prompts: ['this is a sound of'], answers: ['low', 'middle', 'high'] });
  const folder = join(work, 'model');
  await saveModelFolder(folder, { config: pengi, tensors: initParams(pengiSpec(pengi), 0) });
  return folder;
}

async function compareScores(task: string, folder: string): Promise<void> {
  const embeddings = await readEmbeddings(folder);
  const [score] = embeddings.task.metadata.evaluation as [string];
  const engine = await createEngine('jit', { threads: 1 });
  const values: number[] = [];
  for (let seed = 0; seed < SEEDS; seed++) {
    const [result] = await evaluateProbes(embeddings, { engine, probes: ['hear'], grid: 'fast', seed });
    values.push(mean(result!.folds.map((fold) => fold.scores[score as keyof typeof fold.scores] as number)));
  }

  const copies = Array.from({ length: SEEDS }, (_, i) => join(work, 'predicted', `${task}-${i}`));
  for (const copy of copies) await cp(folder, copy, { recursive: true, filter: (path) => !isOurs(path) });
  await heareval(python!, 'predictions', [...copies, '--grid', 'fast'], work);
  const theirs = await Promise.all(copies.map((copy) => kitScore(copy, score)));

  const apart = Math.abs(mean(theirs) - mean(values));
  const { metadata, splits } = embeddings.task;
  const tested = metadata.split_mode === 'trainvaltest' ? ['test'] : metadata.splits;
  const items = tested.reduce((sum, split) => sum + splits.get(split)!.length, 0);
  // A score of few clips moves in steps.
  const reach = Math.max(ERRORS * Math.hypot(standardError(theirs), standardError(values)), 1 / items);
  report(
    apart <= reach,
    `${task}: ${score} by heareval on our files`,
    `${inWords(theirs)}; ours ${inWords(values)} (${SEEDS} seeds each)`,
  );
}

async function kitScore(folder: string, score: string): Promise<number> {
  const text = await readFile(join(folder, 'test.predicted-scores.json'), 'utf8');
  const kit = JSON.parse(text.replace(/: -?(Infinity|NaN)\b/g, ': null')); // as Python writes them
  return kit.aggregated_scores?.[`test_${score}_mean`] ?? kit.test[`test_${score}`];
}

/** What the kit does not write. */
function isOurs(path: string): boolean {
  const name = basename(path);
  return (
    name === 'probes.json' ||
    name.startsWith('test.predicted-scores') ||
    (name.endsWith('.target-labels.json') && !name.includes('.wav.'))
  );
}

function report(right: boolean, what: string, text: string): void {
  if (!right) failures++;
  console.log(`${right ? 'pass' : 'FAIL'}   ${what.padEnd(72)} ${text}`);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of the mean. */
function standardError(values: readonly number[]): number {
  const average = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - average) ** 2)) / (values.length - 1));
}

function inWords(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${mean(values).toFixed(4)} ± ${standardError(values).toFixed(4)} (${low.toFixed(4)} to ${high.toFixed(4)})`;
}
