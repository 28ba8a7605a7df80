/** What HEAR's tools read of a run, and our own record beside it. */
import { join } from 'node:path';
import { writeFileAtomic } from '@pengi/core/node';
import { HEAR_SCORES } from '@pengi/metrics';
import { PAPER_PROBES } from '../tasks/paper.js';
import type { GridPoint } from './grid.js';
import type { FoldResult, ProbeName, ProbeResult } from './protocol.js';
import type { HearTask } from './task-folder.js';

/** A task with its probes. */
export interface TaskProbes {
  readonly task: string;
  readonly taskName: string;
  /** The first score of the task: the one that selects the model and is reported. */
  readonly score: string;
  /** The encoder's name. */
  readonly encoder: string;
  readonly results: readonly ProbeResult[];
  readonly notes: readonly string[];
}

/** Whatever may surprise in numbers that were made as the kit makes them. */
export const PROTOCOL_NOTES = [
  'as in heareval 2021.1.3, the hyperparameters are chosen on the first split and used for all',
  'as in heareval 2021.1.3, rows are shuffled once, when they are embedded, and not in training',
  'the paper does not say how its probes were trained: L1 is the head of HEAR without hidden layers, L2 and L3 have one and two',
];

/** Further notes for a task whose protocol has a peculiarity of its own. */
export function taskNotes({ metadata }: HearTask, sampleRate: number, wanted: number): string[] {
  const notes = [...PROTOCOL_NOTES];
  if (metadata.embedding_type === 'event' && HEAR_SCORES[metadata.evaluation[0]!].better === 'lower')
    notes.push('as in heareval 2021.1.3, the postprocessing of the largest error rate is taken');
  if (sampleRate !== wanted)
    notes.push(`the recordings were resampled from ${sampleRate} Hz to ${wanted} Hz`);
  return notes;
}

/** Python's module has a value; JSON has none for NaN and infinities. */
type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/**
 * Writes `test.predicted-scores.json` of the kit's own protocol (probe "hear") into the task's folder of embeddings,
 * `test.predicted-scores.L1.json` and so on of the paper's probes, and `probes.json`.
 * @throws PengiError E_CANNOT_CREATE, E_DISK_FULL, E_IO
 */
export async function writeProbeResults(
  dir: string,
  probes: TaskProbes,
  settings: Readonly<Record<string, string | number>>,
): Promise<void> {
  for (const result of probes.results) {
    const name =
      result.probe === 'hear' ? 'test.predicted-scores.json' : `test.predicted-scores.${result.probe}.json`;
    await writeFileAtomic(
      join(dir, name),
      `${JSON.stringify(predictedScores(result, probes.score, dir), null, 4)}\n`,
    );
  }
  await writeFileAtomic(join(dir, 'probes.json'), `${JSON.stringify({ settings, ...probes }, null, 1)}\n`);
}

/** `test.predicted-scores.json`, with the keys of heareval. What is NaN there is null here. */
export function predictedScores(
  { point, folds }: ProbeResult,
  score: string,
  embeddingPath: string,
): { [key: string]: Json } {
  const rows = folds.map((fold): [string, Record<string, number>] => [fold.test, foldScores(fold, score)]);
  const lower = (HEAR_SCORES as Record<string, { better: string }>)[score]?.better === 'lower';
  const { postprocessing } = folds[0]!;
  return {
    ...Object.fromEntries(rows.map(([test, scores]) => [test, finite(scores)])),
    ...(rows.length > 1 && { aggregated_scores: finite(aggregated(rows.map(([, scores]) => scores))) }),
    hparams: hparams(point),
    postprocessing: Object.entries(postprocessing ?? {}),
    score_mode: lower ? 'min' : 'max',
    embedding_path: embeddingPath,
  };
}

function foldScores(fold: FoldResult, score: string): Record<string, number> {
  return {
    test_loss: fold.loss,
    test_score: fold.scores[score]!,
    ...Object.fromEntries(Object.entries(fold.scores).map(([name, value]) => [`test_${name}`, value])),
    validation_score: fold.validationScore,
    epoch: fold.epoch,
    time_in_min: fold.seconds / 60,
  };
}

/** Mean and standard deviation (n - 1) of each score over the folds, as pandas has them: without those that are NaN. */
export function aggregated(rows: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  return Object.fromEntries(
    Object.keys(rows[0]!).flatMap((name) => {
      const { mean, std } = meanAndStd(rows.map((row) => row[name]!));
      return [
        [`${name}_mean`, mean],
        [`${name}_std`, std],
      ];
    }),
  );
}

function meanAndStd(all: readonly number[]): { mean: number; std: number } {
  const values = all.filter((value) => !Number.isNaN(value));
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: Math.sqrt(squares / (values.length - 1)) };
}

function finite(scores: Record<string, number>): { [key: string]: Json } {
  return Object.fromEntries(
    Object.entries(scores).map(([name, value]) => [name, Number.isFinite(value) ? value : null]),
  );
}

/** In the kit's names; what it does not vary included. */
function hparams(point: GridPoint): { [key: string]: Json } {
  return {
    ...point,
    initialization: `${point.initialization}_`,
    embedding_norm: 'Identity',
    hidden_norm: 'BatchNorm1d',
    norm_after_activation: false,
    optim: 'Adam',
  };
}

/** The paper's columns (Table 9) by the names of HEAR's tasks. */
const PAPER_TASKS: Readonly<Record<string, (typeof PAPER_PROBES.columns)[number]>> = {
  esc50: 'esc50',
  fsd50k: 'fsd50k',
  tfds_gtzan: 'gtzan-genres',
  beijing_opera: 'beijing-opera',
  ravdess: 'ravdess',
  tfds_crema_d: 'crema-d',
};

/** What the paper reports for its own encoder; undefined where it reports nothing. */
export function paperProbe(taskName: string, probe: ProbeName): number | undefined {
  const column = PAPER_PROBES.columns.indexOf(PAPER_TASKS[taskName]!);
  if (column < 0 || (probe !== 'L1' && probe !== 'L3')) return undefined;
  return PAPER_PROBES.rows[`Pengi (${probe})`][column] ?? undefined;
}

export interface ProbeRow {
  readonly task: string;
  readonly probe: ProbeName;
  readonly score: string;
  readonly value: number;
  /** Over folds; NaN with one. */
  readonly std: number;
  readonly folds: number;
  readonly validation: number;
  readonly paper?: number;
}

/** A row for each task and probe: the score that selects the model, over the folds. */
export function probeRows(tasks: readonly TaskProbes[]): ProbeRow[] {
  return tasks.flatMap(({ task, taskName, score, results }) =>
    results.map(({ probe, folds }) => {
      // An infinite d' is null in a file that was read back.
      const values = folds.map(({ scores }) => scores[score] ?? Number.NaN);
      const { mean, std } = meanAndStd(values.map((value) => (Number.isFinite(value) ? value : Number.NaN)));
      const paper = paperProbe(taskName, probe);
      return {
        task,
        probe,
        score,
        value: mean,
        std,
        folds: folds.length,
        validation: meanAndStd(folds.map(({ validationScore }) => validationScore)).mean,
        ...(paper !== undefined && { paper }),
      };
    }),
  );
}

/** Header and cells of a table for people. */
export function probeTable(rows: readonly ProbeRow[]): { header: string[]; cells: string[][] } {
  const shown = (value: number | undefined) =>
    value === undefined || Number.isNaN(value) ? '-' : value.toFixed(4);
  return {
    header: ['task', 'probe', 'score', 'test', 'std', 'folds', 'validation', 'paper', 'difference'],
    cells: rows.map(({ task, probe, score, value, std, folds, validation, paper }) => [
      task,
      probe,
      score,
      shown(value),
      shown(std),
      String(folds),
      shown(validation),
      shown(paper),
      paper === undefined ? '-' : `${value >= paper ? '+' : ''}${(value - paper).toFixed(4)}`,
    ]),
  };
}
