/** The results of a run as tables: for terminals, for Markdown, and as comparison. */
import type { MethodResult, TaskResult } from '../scoring/result.js';
import { textTable } from './summary.js';

/** What every table shows of a task. */
export interface TaskRow {
  readonly task: string;
  readonly metric: string;
  readonly value: string;
  readonly interval: string;
  readonly n: string;
  readonly chance: string;
  readonly baseline: string;
  readonly paper: string;
  readonly difference: string;
}

const HEADER: Readonly<Record<keyof TaskRow, string>> = {
  task: 'task',
  metric: 'metric',
  value: 'ours',
  interval: '95 % interval',
  n: 'n / official',
  chance: 'chance',
  baseline: 'best baseline',
  paper: 'paper',
  difference: 'ours - paper',
};

const COLUMNS = Object.keys(HEADER) as (keyof TaskRow)[];

/** A result as texts. Nothing in it depends on the machine or the time, so that equal answers give equal tables. */
export function taskRow(result: TaskResult): TaskRow {
  const { id, metric, method, value, interval, n, nOfficial, failed, chance, paper, difference } = result;
  const best = result.baselines
    .filter((one) => one.value !== null)
    .sort((a, b) => (b.value as number) - (a.value as number))[0];
  return {
    task: id,
    metric: `${metric} (${METHOD_NAMES[method] ?? method})`,
    value: number(value),
    interval: interval ? `${number(interval.low)} – ${number(interval.high)}` : NONE,
    n: `${n} / ${nOfficial ?? '?'}${failed.length > 0 ? `, ${failed.length} failed` : ''}`,
    chance: number(chance?.random ?? chance?.constant ?? null),
    baseline: best ? `${number(best.value)} (${best.system})` : NONE,
    paper: number(paper),
    difference: difference === null ? NONE : `${difference < 0 ? '−' : '+'}${number(Math.abs(difference))}`,
  };
}

/** How methods are called where people read. */
export const METHOD_NAMES: Readonly<Record<string, string>> = {
  textMatching: 'text matching',
  logLikelihood: 'log-likelihood',
  zeroShot: 'zero-shot',
  generation: 'generated text',
  captions: 'generated captions',
  embeddings: 'embeddings',
};

/** For a terminal. */
export function resultTable(results: readonly TaskResult[]): string {
  return textTable(
    COLUMNS.map((column) => HEADER[column]),
    results.map((result) => cells(taskRow(result))),
  );
}

/** Markdown. */
export function resultMarkdown(results: readonly TaskResult[]): string {
  return markdownTable(
    COLUMNS.map((column) => HEADER[column]),
    results.map((result) => cells(taskRow(result))),
  );
}

export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (texts: readonly string[]) =>
    `| ${texts.map((text) => text.replace(/\|/g, '\\|').replace(/\s+/g, ' ')).join(' | ')} |`;
  return [line(header), `|${header.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

function cells(row: TaskRow): string[] {
  return COLUMNS.map((column) => row[column]);
}

const NONE = '–';

export function number(value: number | null): string {
  return value === null ? NONE : value.toFixed(4);
}

/** What is missing and why, such as "log-likelihood: accuracy (this model does not know …)"; each once. */
export function missingMetrics(methods: readonly MethodResult[]): string[] {
  const lines = methods.flatMap(({ method, notComputed = {} }) =>
    Object.entries(notComputed).map(([name, why]) => `${METHOD_NAMES[method] ?? method}: ${name} (${why})`),
  );
  return [...new Set(lines)];
}
