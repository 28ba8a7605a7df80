import type { DataSetId, Item } from '@pengi/datasets';
import type { EvaluationKind } from '../runner/evaluation.js';

/** The reported metric. */
export type TaskMetric = 'spider' | 'accuracy' | 'mAP' | 'f1' | 'recall@1';

/** A choice that the paper does not settle. */
export interface TaskOption {
  /**
   * `answers`: how an item's verdicts by its annotators become its score. `classes`: which can be answered, all of the data set's,
   * those that its items have, or a range such as "21-108", which items of other classes are left out of.
   */
  readonly name: 'prompt' | 'split' | 'metric' | 'answers' | 'classes';
  readonly default: string;
  readonly others: readonly string[];
  /** Where the paper is silent or contradicts itself, and why the default is what it is. */
  readonly why: string;
}

/** A row of the benchmark: which items of which data set are asked what, and how that is scored. No data, no model. */
export interface BenchmarkTask {
  readonly id: string;
  readonly title: string;
  /** Of the paper's Table 2. */
  readonly domain: string;
  readonly dataSet: DataSetId;
  /** Read together. */
  readonly splits: readonly string[];
  /** What simple baselines may learn from; without it, and with folds, the other folds. */
  readonly trainingSplits?: readonly string[];
  readonly kind: EvaluationKind;
  readonly metric: TaskMetric;
  /** The prompt of the reported number, as far as it can be told; an item's question takes the place of "{}". */
  readonly prompt: string;
  /** Every prompt of Table 11 with its number as printed there. */
  readonly prompts: Readonly<Record<string, number>>;
  /** What Pengi reached (Table 3; Table 11 where Table 3 has no row), in `metric`; null for what is not in the paper. */
  readonly paper: number | null;
  /** Class -> wording; 'vocabulary' where the classes come from the data set's own file, put in words by `inWords`. */
  readonly wordings?: Readonly<Record<string, string>> | 'vocabulary';
  /** Which of them can be answered, as the option of this name has it; 'all' by default. */
  readonly classes?: string;
  readonly options: readonly TaskOption[];
  readonly notes: readonly string[];
  /** The right classes of an item, as the keys of `wordings`. */
  labels?(item: Item): readonly string[] | undefined;
  /** An item's captions or its annotators' answers. */
  references?(item: Item): readonly string[] | undefined;
  /** The part of a generated text that answers this task, where the text answers several; the whole by default. */
  part?(answer: string): string;
}
