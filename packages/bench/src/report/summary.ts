import { printable } from '@pengi/core';
import type { Interval } from '@pengi/metrics';
import type { TaskRecord } from '../record.js';

/** A line of the result table. */
export interface SummaryRow {
  readonly name: string;
  /** What the value is, such as "accuracy". */
  readonly metric: string;
  readonly value: number;
  readonly interval?: Interval;
  readonly items: number;
  readonly chance?: { readonly random: number; readonly constant: number };
  readonly baselines?: readonly { readonly name: string; readonly value: number }[];
}

export function summaryRow({
  task,
  metric,
  value,
  interval,
  items,
  chance,
  baselines,
}: TaskRecord): SummaryRow {
  return {
    name: task.title,
    metric,
    value,
    items,
    baselines,
    ...(interval && { interval }),
    ...(chance && { chance }),
  };
}

/** The header and the cells of the result table, as text: what the terminal and the page show alike. */
export function summaryCells(rows: readonly SummaryRow[]): { header: string[]; cells: string[][] } {
  const level = rows.find(({ interval }) => interval)?.interval?.level ?? 0.95;
  const baselines = [...new Set(rows.flatMap((row) => row.baselines?.map(({ name }) => name) ?? []))];
  const metrics = [...new Set(rows.map(({ metric }) => metric))];
  return {
    header: [
      'task',
      metrics.length === 1 ? (metrics[0] ?? '') : 'score',
      `${Number((100 * level).toFixed(1))} % interval`,
      'at random',
      'best constant',
      ...baselines,
      'items',
    ],
    cells: rows.map((row) => [
      row.name,
      share(row.value),
      row.interval ? `${share(row.interval.low)} – ${share(row.interval.high)}` : NONE,
      row.chance ? share(row.chance.random) : NONE,
      row.chance ? share(row.chance.constant) : NONE,
      ...baselines.map((name) => {
        const baseline = row.baselines?.find((candidate) => candidate.name === name);
        return baseline ? share(baseline.value) : NONE;
      }),
      String(row.items),
    ]),
  };
}

/** The result table for a terminal. */
export function summaryTable(rows: readonly SummaryRow[]): string {
  const { header, cells } = summaryCells(rows);
  return textTable(header, cells);
}

/** Aligned plain text: the first column to the left, columns of numbers to the right. Ends without a line break. */
export function textTable(header: readonly string[], cells: readonly (readonly string[])[]): string {
  const rows = [header, ...cells].map((row) => header.map((_, i) => printable(row[i] ?? '', 60)));
  const widths = header.map((_, i) => Math.max(...rows.map((row) => [...(row[i] ?? '')].length)));
  const numeric = header.map((_, i) => i > 0 && cells.every((row) => /^[-–\d.\s]*$/.test(row[i] ?? '')));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => {
        const padding = ' '.repeat((widths[i] ?? 0) - [...cell].length);
        return numeric[i] ? padding + cell : cell + padding;
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [line(rows[0] ?? []), rule, ...rows.slice(1).map(line)].join('\n');
}

const NONE = '–';

export function share(value: number): string {
  return value.toFixed(3);
}
