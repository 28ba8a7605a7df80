import type { ConfusionMatrix, Interval } from '@pengi/metrics';
import type { Provenance } from '../record.js';
import type { FailedItem } from '../runner/ask.js';
import type { EvaluationKind, Label, PublishedResult } from '../runner/evaluation.js';
import type { Json } from '../task.js';

/** The score of one way of answering a task. */
export interface MethodResult {
  /** A `Method`; "baseline" for simple models. */
  readonly method: string;
  /** Whose. */
  readonly system: string;
  /** The task's reported metric; null when it could not be computed. */
  readonly value: number | null;
  readonly interval?: Interval;
  /** All metrics. What could not be computed is not in here. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Why a metric is missing. */
  readonly notComputed?: Readonly<Record<string, string>>;
}

/** An item with what was said of it. */
export interface ItemResult {
  readonly id: string;
  readonly audio: string;
  readonly expected: readonly string[];
  /** The generated text, or the label with the best score. */
  readonly answer: string;
  /** What it was taken for; null when nothing could be read from it. */
  readonly prediction: string | null;
  /** In a metric that single items have: 1 or 0 for right or wrong, a caption's own score; larger is better. */
  readonly score: number;
}

export interface ClassResult {
  readonly label: string;
  /** Items that have it. */
  readonly n: number;
  /** Recall of single labels, average precision of several; null for classes that no item has. */
  readonly value: number | null;
}

/** The result of a task, as report.json has it. */
export interface TaskResult extends MethodResult {
  readonly format: 1;
  readonly id: string;
  readonly version: number;
  readonly title: string;
  readonly kind: EvaluationKind;
  readonly folder: string;
  readonly metric: string;
  /** Items that were evaluated. */
  readonly n: number;
  /** Items of the official split; null where that is not published. */
  readonly nOfficial: number | null;
  /** Recordings that could not be used. They are not scored. */
  readonly failed: readonly FailedItem[];
  /** Items whose answer could not be read. They count as wrong. */
  readonly unread: number;
  /** What answers without listening score; null where there is no such thing. */
  readonly chance: { readonly random: number | null; readonly constant: number | null } | null;
  /** Every way of answering, the reported one first. */
  readonly methods: readonly MethodResult[];
  /** Simple models, and other models in what they can do. */
  readonly baselines: readonly MethodResult[];
  readonly published: readonly PublishedResult[];
  /** The first published number, and how much ours is above it. */
  readonly paper: number | null;
  readonly difference: number | null;
  readonly prompt: string;
  /** Of closed tasks. */
  readonly labels?: readonly Label[];
  readonly settings: { readonly [key: string]: Json };
  readonly notes: readonly string[];
  readonly seconds: number;
  readonly provenance: Provenance;
  readonly perClass?: readonly ClassResult[];
  readonly confusion?: ConfusionMatrix;
  /** The share of queries answered within the first k, k = 1 … */
  readonly recallCurves?: readonly { readonly name: string; readonly recall: readonly number[] }[];
  readonly items: readonly ItemResult[];
}

/** What a kind of task makes of its answers. */
export interface Scored extends Omit<MethodResult, 'method' | 'system'> {
  readonly items: readonly ItemResult[];
  readonly unread: number;
  readonly perClass?: readonly ClassResult[];
  readonly confusion?: ConfusionMatrix;
  readonly recall?: readonly number[];
}
