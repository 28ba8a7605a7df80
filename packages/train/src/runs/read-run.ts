/** Run folders as they are read by others than their run: during it, or after it. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PengiError } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import { type EvaluationLine, type LogLine, readLog, type SkippedLine, type StepLine } from '../log.js';
import { CONFIG, FORMAT, LOG } from '../run-folder.js';
import { type BestScore, bestOf } from '../scores.js';
import type { Settings } from '../settings.js';
import { type RunStatus, readStatus, stateOf } from '../status.js';

/** What a run folder says. */
export interface RunRecord {
  readonly dir: string;
  readonly task: string;
  readonly settings: Settings;
  /** What the caller of `train` has recorded. */
  readonly record: unknown;
  /** "crashed": its process is gone and has not said how it ended. */
  readonly state: RunStatus['state'] | 'crashed';
  readonly status: RunStatus | undefined;
  readonly lines: readonly LogLine[];
  /** Steps done, as far as they are logged. */
  readonly step: number;
  /** Time spent, breaks left out. */
  readonly seconds: number;
}

/**
 * @throws PengiError E_NOT_FOUND for a folder that is none of a run, E_CONFIG for a damaged config.json, E_IO
 */
export async function readRun(dir: string): Promise<RunRecord> {
  const config = await readConfig(dir);
  if (!config)
    throw new PengiError('E_NOT_FOUND', `holds no training run: there is no ${CONFIG} of one`, {
      file: dir,
      hint: 'name the folder that a run was given ("pengi runs" lists those below the current one)',
    });
  const { task, settings, record } = config;
  const [lines, status] = [await readLog(join(dir, LOG)), await readStatus(dir)];
  const last = lines.at(-1);
  const step = Math.max(last?.step ?? 0, status?.step ?? 0);
  const timed = lines.findLast((line) => line.event !== 'skipped');
  return {
    dir,
    task,
    settings,
    record,
    status,
    state: status ? stateOf(status) : step >= settings.steps ? 'finished' : 'interrupted',
    lines,
    step,
    seconds: timed?.seconds ?? 0,
  };
}

/** The step lines, evaluations and skipped steps of a run. */
export function linesOf({ lines }: Pick<RunRecord, 'lines'>): {
  steps: StepLine[];
  evaluations: EvaluationLine[];
  skipped: SkippedLine[];
} {
  return {
    steps: lines.filter((line) => line.event === 'step'),
    evaluations: lines.filter((line) => line.event === 'evaluation'),
    skipped: lines.filter((line) => line.event === 'skipped'),
  };
}

export interface ScoreSummary {
  last: number | null;
  best: BestScore | undefined;
}

/** The last and the best value of each name that was evaluated. */
export function scoresOf(run: Pick<RunRecord, 'lines'>): Record<string, ScoreSummary> {
  const { evaluations } = linesOf(run);
  const names = [...new Set(evaluations.flatMap(({ values }) => Object.keys(values)))];
  return Object.fromEntries(
    names.map((name) => {
      const last = evaluations.findLast(({ values }) => values[name] !== undefined)?.values[name] ?? null;
      return [name, { last, best: bestOf(evaluations, name) }];
    }),
  );
}

/** Folders this far below are looked into. */
const DEPTH = 5;

/**
 * The folders of runs in `folder` and below, in the order of their names. Runs within runs are not looked for.
 * @throws PengiError E_NOT_FOUND when there is no such folder, E_IO
 */
export async function findRuns(folder: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (dir: string, depth: number): Promise<void> => {
    const entries = await readdir(dir, { withFileTypes: true }).catch((error) => {
      if (depth > 0) return []; // what cannot be read further below is not ours
      throw fileError(error, dir, 'read');
    });
    if (entries.some(({ name }) => name === CONFIG) && (await readConfig(dir).catch(() => ({})))) {
      found.push(dir);
      return;
    }
    if (depth >= DEPTH) return;
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1)))
      if (entry.isDirectory() && !/^\.|^node_modules$/.test(entry.name))
        await visit(join(dir, entry.name), depth + 1);
  };
  await visit(folder, 0);
  return found;
}

type Config = Pick<RunRecord, 'task' | 'settings' | 'record'>;

/** undefined for what is none of a run, such as a model's config.json. */
async function readConfig(dir: string): Promise<Config | undefined> {
  const path = join(dir, CONFIG);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw fileError(error, path, 'read');
  }
  let config: (Partial<Config> & { format?: unknown }) | null;
  try {
    config = JSON.parse(text) as typeof config;
  } catch (cause) {
    throw new PengiError('E_CONFIG', 'is no JSON', { file: path, cause });
  }
  if (config?.format !== FORMAT) return undefined;
  if (typeof config.task === 'string' && Number.isInteger(config.settings?.steps)) return config as Config;
  throw new PengiError('E_CONFIG', 'lacks the task or the settings of a run', { file: path });
}
