import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRng, PengiError, printable } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import { type Interval, pairedDifference, signFlipTest } from '@pengi/metrics';
import { markdownTable, number } from '../report/tables.js';
import type { TaskResult } from '../scoring/result.js';

/** Two runs on one task, item by item. */
export interface Comparison {
  readonly task: string;
  readonly metric: string;
  readonly first: number | null;
  readonly second: number | null;
  /** Items that both evaluated. */
  readonly n: number;
  /** Of the items' own scores, first - second: of accuracy the metric itself, of mAP the share of right best labels. */
  readonly difference: number;
  readonly interval: Interval;
  /** Of a paired permutation test, two-sided. */
  readonly p: number;
}

/** @throws PengiError E_NOT_FOUND, E_DATA */
export async function readResults(run: string): Promise<TaskResult[]> {
  const file = join(run, 'results.json');
  try {
    return JSON.parse(await readFile(file, 'utf8')) as TaskResult[];
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new PengiError('E_DATA', 'is no valid JSON', {
        file,
        hint: 'make it again with pengi bench rescore',
      });
    throw fileError(error, file, 'read');
  }
}

/**
 * The tasks that two runs have in common, on the items that both evaluated.
 * @throws PengiError E_DATA when there is none
 */
export function compareResults(
  first: readonly TaskResult[],
  second: readonly TaskResult[],
  { seed = 0 }: { seed?: number } = {},
): Comparison[] {
  const comparisons = first.flatMap((one): Comparison[] => {
    const other = second.find(({ id }) => id === one.id);
    if (!other) return [];
    if (other.version !== one.version || other.metric !== one.metric)
      throw new PengiError(
        'E_DATA',
        `task ${printable(one.id)} was scored in another way in the second run`,
        {
          hint: 'score both again with pengi bench rescore',
        },
      );
    const scores = new Map(other.items.map(({ id, score }) => [id, score]));
    const common = one.items.filter(({ id }) => scores.has(id));
    if (common.length === 0) return [];
    const [a, b] = [common.map(({ score }) => score), common.map(({ id }) => scores.get(id) as number)];
    const { difference, interval } = pairedDifference(a, b, { seed });
    const { p } = signFlipTest(
      a.map((score, i) => score - (b[i] as number)),
      {
        seed: createRng(seed)
          .fork(one.id)
          .int(2 ** 31),
      },
    );
    return [
      {
        task: one.id,
        metric: one.metric,
        first: one.value,
        second: other.value,
        n: common.length,
        difference,
        interval,
        p,
      },
    ];
  });
  if (comparisons.length > 0) return comparisons;
  throw new PengiError('E_DATA', 'the two runs have no item of any task in common');
}

export const COMPARISON_HEADER = [
  'task',
  'metric',
  'first',
  'second',
  'items',
  'difference by item',
  '95 % interval',
  'p',
];

export function comparisonCells({
  task,
  metric,
  first,
  second,
  n,
  difference,
  interval,
  p,
}: Comparison): string[] {
  return [
    task,
    metric,
    number(first),
    number(second),
    String(n),
    number(difference),
    `${number(interval.low)} – ${number(interval.high)}`,
    p.toFixed(4),
  ];
}

export function comparisonMarkdown(comparisons: readonly Comparison[]): string {
  return markdownTable(COMPARISON_HEADER, comparisons.map(comparisonCells));
}
