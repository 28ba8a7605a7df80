/** Several runs in one table, as Tables 4, 5 and 13 are. */
import { markdownTable, number } from '../report/tables.js';
import type { TaskResult } from '../scoring/result.js';
import { PAPER_RESULTS } from '../tasks/paper.js';

/** The paper's ablations: whose numbers stand in which table. */
export const PAPER_ABLATIONS = {
  'table-4': ['Table 4, captioning data only', 'Table 4, all tasks'],
  'table-5': ['Table 5'],
  'table-13': ['Table 13'],
} as const;
export type PaperAblation = keyof typeof PAPER_ABLATIONS;

export interface NamedRun {
  readonly name: string;
  readonly results: readonly TaskResult[];
}

/** Tasks and metrics below each other, runs beside each other, then the paper's model and its ablations of the named table. */
export function ablationTable(runs: readonly NamedRun[], paper?: PaperAblation): string {
  const sources: readonly string[] = paper === undefined ? [] : PAPER_ABLATIONS[paper];
  const printed = PAPER_RESULTS.filter(({ source }) => sources.includes(source));
  const systems = [...new Set(printed.map(({ system }) => system))];
  const rows = new Map<string, { task: string; metric: string }>();
  const add = (task: string, metric: string) => rows.set(`${task} ${metric}`, { task, metric });
  for (const { results } of runs) for (const { id, metric } of results) add(id, metric);
  for (const { task, metric } of printed)
    if (runs.some(({ results }) => results.some(({ id }) => id === task))) add(task, metric);
  return markdownTable(
    [
      'task',
      'metric',
      ...runs.map(({ name }) => name),
      'paper',
      ...systems.map((system) => `paper: ${system}`),
    ],
    [...rows.values()].map(({ task, metric }) => [
      task,
      metric,
      ...runs.map(({ results }) => {
        const found = results.find(({ id }) => id === task);
        return number(
          found === undefined
            ? null
            : metric === found.metric
              ? found.value
              : (found.metrics[metric] ?? null),
        );
      }),
      number(
        runs.flatMap(({ results }) => results).find((one) => one.id === task && one.metric === metric)
          ?.paper ?? null,
      ),
      ...systems.map((system) =>
        number(
          printed.find((one) => one.task === task && one.metric === metric && one.system === system)?.value ??
            null,
        ),
      ),
    ]),
  );
}
