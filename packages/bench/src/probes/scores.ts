import {
  type EventMatching,
  type EventPair,
  eventScores,
  framesToEvents,
  HEAR_SCORES,
  type HearScore,
  hearEventScore,
  hearSceneScore,
  type SoundEvent,
} from '@pengi/metrics';
import type { SplitEmbeddings, TaskEmbeddings } from './embeddings.js';
import type { Judged } from './fit.js';
import type { PredictionType } from './head.js';
import type { HearEvent } from './task-folder.js';

/** How frames become events, by the kit's names; in ms. */
export interface Postprocessing {
  readonly median_filter_ms: number;
  readonly min_duration: number;
}

/** The first score of the task, or the loss where the task says so. */
export interface Validation extends Judged {
  /** Of events: the best of the grid. */
  readonly postprocessing?: Postprocessing;
}

export type Scores = Readonly<Record<string, number>>;

/** HEAR's `EVENT_POSTPROCESSING_GRID`. */
const POSTPROCESSING = { median_filter_ms: [250], min_duration: [125, 250] };

/** Which way the score that selects the model is better. */
export function betterWay({ task: { metadata } }: Pick<TaskEmbeddings, 'task'>): 'higher' | 'lower' {
  return metadata.use_scoring_for_early_stopping ? HEAR_SCORES[metadata.evaluation[0]!].better : 'lower';
}

/** What selects the model, of the logits of a split. */
export function validationJudge(
  { task }: TaskEmbeddings,
  split: SplitEmbeddings,
): (logits: Float32Array) => Validation {
  const { metadata, labels } = task;
  const K = labels.length;
  const grid = postprocessings(metadata.evaluation_params.event_postprocessing_grid);
  const fallback = metadata.embedding_type === 'event' ? { postprocessing: grid[0]! } : {};
  if (!metadata.use_scoring_for_early_stopping)
    return (logits) => ({ score: meanLoss(metadata.prediction_type, logits, split.y, K), ...fallback });
  const [name] = metadata.evaluation as [HearScore];
  if (metadata.embedding_type === 'scene') {
    const truth = tableOf(split.y, K);
    return (logits) => ({
      score: hearSceneScore(name, probabilities(metadata.prediction_type, logits, K), truth),
    });
  }
  const reference = referenceOf(task.splits, split);
  return (logits) => {
    const table = probabilities(metadata.prediction_type, logits, K);
    const candidates = grid.map((postprocessing) => {
      const score = hearEventScore(name, pairs(reference, table, split, labels, postprocessing), labels);
      return { score: Number.isNaN(score) ? 0 : score, postprocessing };
    });
    // As the kit sorts (score, postprocessing) downwards, whichever way the score is better; of equals the larger settings win.
    return candidates.sort(
      (a, b) =>
        b.score - a.score ||
        b.postprocessing.median_filter_ms - a.postprocessing.median_filter_ms ||
        b.postprocessing.min_duration - a.postprocessing.min_duration,
    )[0]!;
  };
}

/**
 * All scores of the task by the kit's names, and what the kit logs beside those of events, such as "event_onset_200ms_fms_precision".
 */
export function testScores(
  { task }: TaskEmbeddings,
  split: SplitEmbeddings,
  logits: Float32Array,
  postprocessing?: Postprocessing,
): { scores: Scores; loss: number } {
  const { metadata, labels } = task;
  const table = probabilities(metadata.prediction_type, logits, labels.length);
  const loss = meanLoss(metadata.prediction_type, logits, split.y, labels.length);
  if (metadata.embedding_type === 'scene') {
    const truth = tableOf(split.y, labels.length);
    const scores = metadata.evaluation.map((name) => [name, hearSceneScore(name, table, truth)]);
    return { scores: Object.fromEntries(scores), loss };
  }
  const events = pairs(referenceOf(task.splits, split), table, split, labels, postprocessing!);
  const scores = metadata.evaluation.flatMap((name) => [
    [name, hearEventScore(name, events, labels)],
    ...Object.entries(eventDetails(name, events, labels)).map(([part, value]) => [`${name}_${part}`, value]),
  ]);
  return { scores: Object.fromEntries(scores), loss };
}

/** How the kit calls sed_eval for an F-score. */
const MATCHING: Partial<Record<HearScore, EventMatching>> = {
  event_onset_200ms_fms: { collar: 0.2 },
  event_onset_50ms_fms: { collar: 0.05 },
  event_onset_offset_50ms_20perc_fms: { collar: 0.05, offsetShare: 0.2 },
};

function eventDetails(
  name: HearScore,
  events: readonly EventPair[],
  labels: readonly string[],
): Record<string, number> {
  const matching = MATCHING[name];
  if (matching === undefined) return { error_rate: hearEventScore(name, events, labels) };
  const { f1, precision, recall } = eventScores(events, labels, matching).overall;
  return { f_measure: f1, precision, recall };
}

function postprocessings(grid: typeof POSTPROCESSING = POSTPROCESSING): Postprocessing[] {
  return grid.median_filter_ms.flatMap((median_filter_ms) =>
    grid.min_duration.map((min_duration) => ({ median_filter_ms, min_duration })),
  );
}

/** The kit's float32 probabilities [n][K] of logits [n, K]. */
export function probabilities(type: PredictionType, logits: Float32Array, K: number): Float32Array[] {
  return tableOf(logits, K).map((row) => {
    if (type === 'multilabel') return row.map((z) => 1 / (1 + Math.exp(-z)));
    const peak = Math.max(...row);
    const weights = Float64Array.from(row, (z) => Math.exp(z - peak));
    const sum = weights.reduce((a, b) => a + b, 0);
    return Float32Array.from(weights, (weight) => weight / sum);
  });
}

/** Cross-entropy over rows, or binary cross-entropy over rows and labels. */
function meanLoss(type: PredictionType, logits: Float32Array, y: Float32Array, K: number): number {
  const truth = tableOf(y, K);
  const losses = tableOf(logits, K).map((row, i) => {
    if (type === 'multilabel')
      return (
        row.reduce(
          (sum, z, k) => sum + Math.max(z, 0) - z * truth[i]![k]! + Math.log1p(Math.exp(-Math.abs(z))),
          0,
        ) / K
      );
    const peak = Math.max(...row);
    const logSum = peak + Math.log(row.reduce((sum, z) => sum + Math.exp(z - peak), 0));
    return row.reduce((sum, z, k) => sum + truth[i]![k]! * (logSum - z), 0);
  });
  return losses.reduce((a, b) => a + b, 0) / losses.length;
}

function tableOf(values: Float32Array, K: number): Float32Array[] {
  return Array.from({ length: values.length / K }, (_, i) => values.subarray(i * K, (i + 1) * K));
}

/** The rows of each recording, and its events as they should be. */
interface Reference {
  readonly rows: readonly number[];
  readonly events: readonly SoundEvent[];
}

function referenceOf(splits: TaskEmbeddings['task']['splits'], { frames }: SplitEmbeddings): Reference[] {
  const clips = new Map([...splits.values()].flat().map((clip) => [clip.file, clip]));
  const rows = new Map<string, number[]>();
  for (const [i, { file }] of frames.entries()) {
    const own = rows.get(file);
    if (own) own.push(i);
    else rows.set(file, [i]);
  }
  return [...rows].map(([file, own]) => ({
    rows: own,
    events: (clips.get(file)?.events ?? []).map(inSeconds),
  }));
}

function pairs(
  references: readonly Reference[],
  table: readonly Float32Array[],
  { frames }: SplitEmbeddings,
  labels: readonly string[],
  { median_filter_ms, min_duration }: Postprocessing,
) {
  return references.map(({ rows, events }) => ({
    reference: events,
    estimated: framesToEvents(
      rows.map((i) => table[i]!),
      rows.map((i) => frames[i]!.time),
      labels,
      { medianFilterMs: median_filter_ms, minDurationMs: min_duration },
    ).map(inSeconds),
  }));
}

function inSeconds({ label, start, end }: HearEvent): SoundEvent {
  return { label, onset: start / 1000, offset: end / 1000 };
}
