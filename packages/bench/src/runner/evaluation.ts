import type { TaskMetric } from '../tasks/definition.js';

/** What kind of question a task is; it decides what is asked and how answers are scored. */
export type EvaluationKind =
  /** One of the labels is right. */
  | 'single-label'
  /** Some of the labels are right. */
  | 'multi-label'
  | 'captioning'
  | 'question-answering'
  /** From a caption to the recording. */
  | 'text-to-audio'
  /** From a recording to its captions. */
  | 'audio-to-text';

/** A number of the paper, or of a system that it compares with. */
export interface PublishedResult {
  readonly system: string;
  readonly value: number;
  /** Such as "Table 3", or how it was come by where that differs. */
  readonly source?: string;
}

/** A recording of a task with what is right for it. */
export interface EvaluationItem {
  readonly id: string;
  readonly audio: string;
  /** In place of the task's prompt, such as a question. */
  readonly prompt?: string;
  /** The names of the right classes: one, or any number for several labels. */
  readonly labels?: readonly string[];
  /** Captions, or the annotators' answers. */
  readonly references?: readonly string[];
}

/** A recording that simple baselines may learn from. */
export interface TrainingItem {
  readonly audio: string;
  readonly label: string;
  /** The fold that it is tested in. What is said of an item of this fold may not be learnt from it. */
  readonly fold?: number;
}

export interface Label {
  readonly name: string;
  readonly text: string;
}

/**
 * How an item's score comes of several annotators' answers: each is a row of its own, as in ClothoAQA's table; or the item is right
 * when the answer is any one's, most people's, everybody's.
 */
export type AnswerVote = 'each' | 'any' | 'majority' | 'unanimous';

/** A task with its data: everything that a run needs, and nothing that knows a model. */
export interface Evaluation {
  readonly id: string;
  /** Raised whenever the same answers would give another score. */
  readonly version: number;
  readonly title: string;
  readonly kind: EvaluationKind;
  readonly prompt: string;
  /** The reported metric. */
  readonly metric: TaskMetric;
  /** Of questions; default "each". */
  readonly answers?: AnswerVote;
  /** The data set's folder. */
  readonly folder: string;
  readonly items: readonly EvaluationItem[];
  /** Items of the official splits; null where that is not published. */
  readonly official: number | null;
  /** Of closed tasks: the classes in the data's spelling, and the texts that stand for them. */
  readonly labels?: readonly Label[];
  /** The part of a generated text that answers this task, where the text answers several; the whole by default. */
  readonly part?: (answer: string) => string;
  readonly training?: {
    readonly items: readonly TrainingItem[];
    /** By item id: the fold in which it is tested, where there are folds. */
    readonly folds?: ReadonlyMap<string, number>;
  };
  /** What is published on it, the paper's own number first. */
  readonly published: readonly PublishedResult[];
  /** Choices where the paper is silent or contradicts itself, and what is wrong with the data. */
  readonly notes: readonly string[];
}
