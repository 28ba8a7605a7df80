import type { Interval } from '@pengi/metrics';
import type { Chance } from './chance.js';
import type { Json, Question } from './task.js';

/** Where the numbers come from, as far as the caller knows it. */
export interface Provenance {
  readonly commit?: string;
  readonly weightsSha256?: string;
  readonly engine?: string;
  readonly threads?: number;
  readonly seed?: number;
  readonly [key: string]: Json | undefined;
}

export interface PredictionRecord {
  readonly id: string;
  readonly expected: Json;
  /** The text as generated, or the label with the best score. */
  readonly answer: string;
  /** What was read from it; null when nothing could be. */
  readonly prediction: Json;
  readonly correct: boolean;
  /** In the order of `settings.labels`. */
  readonly scores?: readonly number[];
}

export interface BaselineRecord {
  readonly name: string;
  readonly value: number;
  readonly interval?: Interval;
}

/** The result of one task: plain JSON that holds every answer, so that tables and scores can be made again from it. */
export interface TaskRecord {
  readonly format: 1;
  readonly task: { readonly id: string; readonly version: number; readonly title: string };
  readonly predictor: string;
  /** The name of the reported metric, its value and its interval. */
  readonly metric: string;
  readonly value: number;
  readonly interval?: Interval;
  /** All metrics, the reported one first. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly chance?: Chance;
  /** Simple models' scores on the same items, in the reported metric. */
  readonly baselines: readonly BaselineRecord[];
  readonly items: number;
  /** Answers that nothing could be read from. They count as wrong. */
  readonly unread: number;
  /** What asking the predictor took. Tasks that ask the same question share the answers and this time. */
  readonly seconds: number;
  readonly settings: Question & { readonly batchSize: number };
  readonly provenance: Provenance;
  readonly predictions: readonly PredictionRecord[];
}
