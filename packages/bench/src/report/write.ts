import { join } from 'node:path';
import { writeFileAtomic } from '@pengi/core/node';
import { type ExampleClip, exampleClip } from '@pengi/report';
import type { TaskResult } from '../scoring/result.js';
import { casesOf, renderBenchReport } from './bench-report.js';
import { METHOD_NAMES, markdownTable, missingMetrics, number, resultMarkdown } from './tables.js';

export interface ReportOptions {
  /** Whether the worst and the best cases are heard and seen; needs the recordings. Default true. */
  readonly examples?: boolean;
  readonly title?: string;
}

/**
 * `report.html`, `report.md` and `report.json` (the results without their items, which are in `results.json`).
 * @throws PengiError E_CANNOT_CREATE, E_DISK_FULL, E_IO
 */
export async function writeReports(
  folder: string,
  results: readonly TaskResult[],
  { examples = true, title = `Benchmark of ${results[0]?.system ?? 'nothing'}` }: ReportOptions = {},
): Promise<void> {
  const clips = new Map<string, ExampleClip>();
  const shown = examples ? results.flatMap((result) => Object.values(casesOf(result)).flat()) : [];
  for (const { audio } of shown) {
    const clip = clips.has(audio) ? undefined : await exampleClip(audio);
    if (clip) clips.set(audio, clip);
  }
  const plain = results.map(({ items: _items, ...result }) => result);
  const json = { format: 1, title, provenance: results[0]?.provenance ?? {}, tasks: plain };
  await writeFileAtomic(join(folder, 'report.html'), renderBenchReport({ title, results, clips }));
  await writeFileAtomic(join(folder, 'report.md'), markdown(title, results));
  await writeFileAtomic(join(folder, 'report.json'), `${JSON.stringify(json, null, 2)}\n`);
}

function markdown(title: string, results: readonly TaskResult[]): string {
  const provenance = Object.entries(results[0]?.provenance ?? {})
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `- ${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return [`# ${title}`, provenance.join('\n'), resultMarkdown(results), ...results.map(taskMarkdown)]
    .join('\n\n')
    .concat('\n');
}

function taskMarkdown(result: TaskResult): string {
  const { title, metric, methods, baselines, published, notes, prompt, seconds, failed } = result;
  const all = [...methods, ...baselines];
  const rows = [
    ...all.map(({ system, method, value, interval }) => [
      method === 'baseline' ? system : `${system}, ${METHOD_NAMES[method] ?? method}`,
      number(value),
      interval ? `${number(interval.low)} – ${number(interval.high)}` : '–',
      'here',
    ]),
    ...published.map(({ system, value, source = 'published' }) => [system, number(value), '–', source]),
  ];
  const names = [...new Set(all.flatMap(({ metrics }) => Object.keys(metrics)))];
  const missing = missingMetrics(all);
  return [
    `## ${title}`,
    markdownTable([`system`, metric, '95 % interval', 'source'], rows),
    names.map((name) => `${name} ${number(result.metrics[name] ?? null)}`).join(', '),
    ...missing.map((line) => `Not computed: ${line}`),
    [`- prompt: ${prompt}`, `- ${seconds.toFixed(1)} s`, ...notes.map((note) => `- ${note}`)].join('\n'),
    ...failed.map(({ id, code, message }) => `- failed: ${id}: ${code} ${message}`),
  ].join('\n\n');
}
