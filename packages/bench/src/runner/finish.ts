/** From stored answers to results: at the end of a run, and again at any time without model or recordings. */
import { join } from 'node:path';
import { writeFileAtomic } from '@pengi/core/node';
import type { ExternalScorer } from '@pengi/metrics';
import { VARIANT } from '../analyses/prompts.js';
import { resultMarkdown } from '../report/tables.js';
import type { TaskResult } from '../scoring/result.js';
import { scoreTask } from '../scoring/score.js';
import { BENCHMARK_TASKS } from '../tasks/table.js';
import { readManifests, type TaskManifest } from './manifest.js';
import { openStore } from './store.js';

export interface ScoreRunOptions {
  /** For METEOR, SPICE and SPIDEr. */
  readonly external?: ExternalScorer;
  /** By task id, for tasks that are not of this package: `Evaluation.part`. */
  readonly parts?: Readonly<Record<string, (answer: string) => string>>;
  readonly warn?: (message: string) => void;
}

export interface ScoredRun {
  readonly results: readonly TaskResult[];
  /** Tasks of which other processes have not finished their share, such as "esc50: 2 of 4". */
  readonly incomplete: readonly string[];
  /** Tasks of which nothing could be evaluated. */
  readonly unusable: readonly UnusableTask[];
}

export interface UnusableTask {
  readonly id: string;
  readonly reason: string;
  /** Whether the data are all right, and the model does not know the words of the task. */
  readonly ofModel: boolean;
}

/**
 * Scores all tasks of a run's folder, whose shares by several processes it puts together, and writes `table.md`, which depends
 * on the answers alone, and `results.json`, which has every item.
 * @throws PengiError E_NOT_FOUND for what is no run, E_DATA, E_CANNOT_CREATE, E_IO
 */
export async function scoreRun(
  run: string,
  { external, parts = {}, warn }: ScoreRunOptions = {},
): Promise<ScoredRun> {
  const { tasks, incomplete } = await readManifests(run);
  const store = await openStore(run, { file: null, ...(warn && { warn }) });
  try {
    const results: TaskResult[] = [];
    const unusable: UnusableTask[] = [];
    for (const manifest of inOrder(tasks)) {
      const { id } = manifest.evaluation;
      const [task = id] = id.split(VARIANT);
      const part = parts[task] ?? BENCHMARK_TASKS.find((one) => one.id === task)?.part;
      const nothing = nothingToScore(manifest);
      if (nothing) unusable.push({ id, ...nothing });
      else
        results.push(
          await scoreTask(manifest, store, { ...(part && { part }), ...(external && { external }) }),
        );
    }
    await writeFileAtomic(join(run, 'table.md'), `${resultMarkdown(results)}\n`);
    await writeFileAtomic(join(run, 'results.json'), `${JSON.stringify(results)}\n`);
    return { results, incomplete, unusable };
  } finally {
    await store.close();
  }
}

/** Why there is nothing to score, where there is nothing. */
function nothingToScore({
  contents,
  failed,
  evaluation,
  answeredBy,
}: TaskManifest): Omit<UnusableTask, 'id'> | undefined {
  const [own] = answeredBy;
  if (own?.methods.length === 0)
    return { reason: Object.values(own.dropped ?? {}).join('; '), ofModel: true };
  if (Object.keys(contents).length > 0) return undefined;
  const why = failed[0]?.message ?? 'there is none';
  return {
    reason: `none of ${evaluation.items.length} recordings could be used: ${why}`,
    ofModel: failed.length > 0 && failed.every(({ code }) => code === 'E_TEXT'),
  };
}

/** As the paper lists them. */
function inOrder<T extends { readonly evaluation: { readonly id: string } }>(tasks: readonly T[]): T[] {
  const position = ({ evaluation }: T) => {
    const found = BENCHMARK_TASKS.findIndex(({ id }) => id === evaluation.id.split(VARIANT)[0]);
    return found < 0 ? BENCHMARK_TASKS.length : found;
  };
  return [...tasks].sort((a, b) => position(a) - position(b));
}
