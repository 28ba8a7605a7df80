import { PengiError, printable } from '@pengi/core';
import type { Interval } from '@pengi/metrics';
import type { Chance } from './chance.js';

/** What a record can hold. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

export interface TaskItem<Expected extends Json> {
  readonly id: string;
  readonly audio: string;
  readonly expected: Expected;
  /** Where the task's prompt differs from clip to clip, such as a question about it. */
  readonly prompt?: string;
}

/** What the predictor is asked about every clip. */
export type Question =
  | { readonly method: 'generate'; readonly prompt: string }
  | { readonly method: 'scoreLabels'; readonly prompt: string; readonly labels: readonly string[] }
  | { readonly method: 'zeroShot'; readonly labels: readonly string[] };

/** An item with what was predicted for it; null where the answer could not be read. */
export interface Outcome<Expected extends Json, Predicted extends Json> {
  readonly expected: Expected;
  readonly prediction: Predicted | null;
  readonly correct: boolean;
}

export interface Score {
  readonly value: number;
  readonly interval?: Interval;
}

/** Typed as a method's type, which is what lets a task about strings stand where a task about any JSON is wanted. */
export type Metric<Expected extends Json, Predicted extends Json> = {
  score(outcomes: readonly Outcome<Expected, Predicted>[]): Score;
}['score'];

/** A task is data and three small functions; nothing in it knows a model. */
export interface Task<Expected extends Json = Json, Predicted extends Json = Json> {
  readonly id: string;
  /** Raised whenever the same answers would give another score. */
  readonly version: number;
  readonly title: string;
  readonly items: readonly TaskItem<Expected>[];
  readonly question: Question;
  /** From the generated text, or from the label with the best score, to a prediction; null when it says nothing usable. */
  read(answer: string): Predicted | null;
  correct(prediction: Predicted, expected: Expected): boolean;
  /** By name; the first is the one that is reported. */
  readonly metrics: Readonly<Record<string, Metric<Expected, Predicted>>>;
  /** What guessing scores, in the first metric. */
  readonly chance?: Chance;
}

export type TaskDefinition<Expected extends Json, Predicted extends Json> = Omit<
  Task<Expected, Predicted>,
  'correct'
> & {
  /** Whether they are equal, by default. */
  correct?(prediction: Predicted, expected: Expected): boolean;
};

/**
 * A checked task.
 * @throws PengiError E_DATA for no items or a repeated id, E_CONFIG for no metrics or labels that are repeated or missing
 */
export function defineTask<Expected extends Json, Predicted extends Json>(
  definition: TaskDefinition<Expected, Predicted>,
): Task<Expected, Predicted> {
  const { id, items, metrics, question } = definition;
  const refuse = (code: 'E_DATA' | 'E_CONFIG', message: string) => {
    throw new PengiError(code, `task ${printable(id)}: ${message}`);
  };
  if (items.length === 0) refuse('E_DATA', 'no items');
  const repeated = firstRepeated(items.map((item) => item.id));
  if (repeated !== undefined) refuse('E_DATA', `two items have the id "${printable(repeated)}"`);
  if (Object.keys(metrics).length === 0) refuse('E_CONFIG', 'no metrics');
  if (question.method !== 'generate') {
    if (question.labels.length === 0) refuse('E_CONFIG', 'no labels to choose from');
    const label = firstRepeated(question.labels);
    if (label !== undefined) refuse('E_CONFIG', `the label "${printable(label)}" is listed twice`);
  }
  return { correct: (prediction, expected) => Object.is(prediction, expected), ...definition };
}

function firstRepeated(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}
