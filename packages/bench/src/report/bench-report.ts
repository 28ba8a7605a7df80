/** The report of a run as one page that needs nothing else: no script, no request to anywhere. */
import { printable } from '@pengi/core';
import type { ConfusionMatrix } from '@pengi/metrics';
import { clipFigure, definitions, type ExampleClip, type Html, html, htmlPage } from '@pengi/report';
import type { ClassResult, ItemResult, MethodResult, TaskResult } from '../scoring/result.js';
import { BENCH_STYLE } from './bench-style.js';
import { confusionTable } from './confusion.js';
import { recallPlot } from './curves.js';
import { METHOD_NAMES, missingMetrics, number, taskRow } from './tables.js';

export interface BenchReport {
  readonly title: string;
  readonly results: readonly TaskResult[];
  /** By path of the recording: those that are shown. */
  readonly clips?: ReadonlyMap<string, ExampleClip>;
}

/** Of each task, so many of the worst and of the best cases are shown. */
const CASES = 2;
/** Larger matrices are unreadable; the classes' own results are there in any case. */
const MOST_CLASSES = 60;

/** Every text is escaped. */
export function renderBenchReport({ title, results, clips = new Map() }: BenchReport): string {
  const body = html`<header>
<h1>${title}</h1>
${facts(results[0]?.provenance ?? {})}
<nav><ul>${results.map(({ id, title: name }) => html`<li><a href="#${id}">${name}</a></li>`)}</ul></nav>
</header>
<main>
<section>
<h2>Results</h2>
${overview(results)}
</section>
${results.map((result) => taskSection(result, clips))}
</main>
`;
  return htmlPage({ title, style: BENCH_STYLE, body });
}

/** The items that a report shows of a task: the worst first, then the best; each in the task's order. */
export function casesOf({ items }: Pick<TaskResult, 'items'>): { worst: ItemResult[]; best: ItemResult[] } {
  const sorted = [...items].sort((a, b) => a.score - b.score);
  const worst = sorted.slice(0, CASES);
  const best = sorted
    .reverse()
    .filter((item) => !worst.includes(item) && item.score > 0)
    .slice(0, CASES);
  return { worst, best };
}

function overview(results: readonly TaskResult[]): Html {
  const columns = ['95 % interval', 'paper', 'ours - paper', 'n / official', 'chance', 'best baseline'];
  return html`<table class="results">
<thead><tr><th scope="col">task</th><th scope="col">ours</th>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>
${results.map((result) => {
  const { metric, value, interval, paper, difference, n, chance, baseline } = taskRow(result);
  const others = [interval, paper, difference, n, chance, baseline];
  const sign = result.difference === null ? '' : result.difference < 0 ? 'minus' : 'plus';
  return html`<tr><th scope="row"><a href="#${result.id}">${result.title}</a> <span class="soft">${metric}</span></th><td class="value">${value}</td>${others.map(
    (cell, i) => html`<td class="${i === 2 ? sign : ''}" data-label="${columns[i] ?? ''}">${cell}</td>`,
  )}</tr>
`;
})}</tbody>
</table>`;
}

function taskSection(result: TaskResult, clips: ReadonlyMap<string, ExampleClip>): Html {
  const { id, title, methods, baselines, confusion, perClass, recallCurves, failed, notes } = result;
  const { worst, best } = casesOf(result);
  const matrix = confusion && withoutEmpty(confusion);
  return html`<section id="${id}">
<h2>${title}</h2>
${bars(result)}
${methodTable([...methods, ...baselines])}
${recallCurves ? recallPlot(recallCurves) : ''}
${matrix && matrix.labels.length <= MOST_CLASSES ? html`<details><summary>Confusion matrix</summary>${confusionTable(matrix)}</details>` : ''}
${perClass ? classTable(result.kind, perClass) : ''}
${cards('Worst cases', worst, clips)}
${cards('Best cases', best, clips)}
${failed.length > 0 ? html`<details><summary>${failed.length} recordings that could not be used</summary><ul>${failed.map((item) => html`<li>${printable(item.id)}: ${item.code} ${printable(item.message)}</li>`)}</ul></details>` : ''}
<details><summary>Settings and notes</summary>
${definitions({ prompt: result.prompt, folder: result.folder, seconds: Math.round(result.seconds * 10) / 10, unread: result.unread, ...result.settings })}
${notes.length > 0 ? html`<ul>${notes.map((note) => html`<li>${note}</li>`)}</ul>` : ''}
</details>
</section>
`;
}

/** Without the classes that no item has and nobody answered: of a part of a data set most are. */
function withoutEmpty({ labels, counts }: ConfusionMatrix): ConfusionMatrix {
  const kept = labels.flatMap((_, k) =>
    counts[k]?.some((count) => count > 0) || counts.some((row) => (row[k] ?? 0) > 0) ? [k] : [],
  );
  return {
    labels: kept.map((k) => labels[k] as string),
    counts: kept.map((k) => [...kept, labels.length].map((column) => counts[k]?.[column] ?? 0)),
  };
}

/** Ours beside the paper's, the systems that it compares with, and what needs no model. */
function bars({
  system,
  method,
  value,
  interval,
  published,
  baselines,
  chance,
  metric,
  notComputed,
}: TaskResult): Html {
  const reason = notComputed?.[metric];
  const entries = [
    {
      name: `${system}, ${METHOD_NAMES[method] ?? method}`,
      value,
      ours: true,
      interval,
      note: value === null ? (reason ?? 'not computed') : '',
    },
    ...published.map((one) => ({
      name: one.system,
      value: one.value,
      ours: false,
      interval: undefined,
      note: one.source ?? '',
    })),
    ...baselines.map((one) => ({
      name: one.system,
      value: one.value,
      ours: false,
      interval: one.interval,
      note: 'here',
    })),
    ...(chance?.random == null
      ? []
      : [{ name: 'chance', value: chance.random, ours: false, interval: undefined, note: '' }]),
  ];
  const most = Math.max(1, ...entries.map((entry) => entry.value ?? 0));
  const percent = (x: number) => `${((100 * Math.max(0, x)) / most).toFixed(2)}%`;
  return html`<dl class="bars" aria-label="${metric}">
${entries.map(
  (
    entry,
  ) => html`<dt>${entry.name}</dt><dd class="${entry.ours ? 'track ours' : 'track'}"><div class="fill" style="--v:${percent(entry.value ?? 0)}"></div>${entry.interval ? html`<div class="range" style="--low:${percent(entry.interval.low)};--high:${percent(entry.interval.high)}"></div>` : ''}</dd><dd class="number">${number(entry.value)} <span class="soft">${entry.note}</span></dd>
`,
)}</dl>`;
}

function methodTable(methods: readonly MethodResult[]): Html {
  const names = [...new Set(methods.flatMap(({ metrics }) => Object.keys(metrics)))];
  const missing = missingMetrics(methods);
  const head = methods.map(
    ({ system, method }) =>
      html`<th scope="col">${system}${method === 'baseline' ? '' : html`<br><span class="soft">${METHOD_NAMES[method] ?? method}</span>`}</th>`,
  );
  return html`<details><summary>All metrics of every way of answering</summary><div class="scroll" tabindex="0"><table class="plain">
<thead><tr><th></th>${head}</tr></thead>
<tbody>${names.map((name) => html`<tr><th scope="row">${name}</th>${methods.map(({ metrics }) => html`<td>${number(metrics[name] ?? null)}</td>`)}</tr>\n`)}</tbody>
</table></div>${missing.length > 0 ? html`<p class="soft">Not computed: ${missing.join('; ')}</p>` : ''}</details>`;
}

function classTable(kind: TaskResult['kind'], classes: readonly ClassResult[]): Html {
  const what = kind === 'single-label' ? 'recall' : 'average precision';
  const sorted = [...classes].sort((a, b) => (b.value ?? -1) - (a.value ?? -1));
  return html`<details><summary>By class</summary><div class="scroll" tabindex="0"><table class="plain">
<thead><tr><th scope="col">class</th><th scope="col">items</th><th scope="col">${what}</th></tr></thead>
<tbody>${sorted.map(({ label, n, value }) => html`<tr><th scope="row">${label}</th><td>${n}</td><td>${number(value)}</td></tr>\n`)}</tbody>
</table></div></details>`;
}

function cards(
  title: string,
  items: readonly ItemResult[],
  clips: ReadonlyMap<string, ExampleClip>,
): Html | string {
  if (items.length === 0) return '';
  return html`<h3>${title}</h3>
<div class="cards">
${items.map(({ id, audio, expected, answer, prediction, score }) => {
  const clip = clips.get(audio);
  const name = printable(id, 120);
  return html`<article class="card">
<h4>${name}</h4>
${clip ? clipFigure(clip, name) : ''}
<dl>
<dt>expected</dt><dd>${expected.slice(0, 5).map((text) => html`${printable(text, 200)}<br>`)}</dd>
<dt>answer</dt><dd>${printable(answer, 400)}</dd>
${prediction !== null && prediction !== answer ? html`<dt>taken for</dt><dd>${printable(prediction, 200)}</dd>` : ''}
<dt>score</dt><dd>${number(score)}</dd>
</dl>
</article>
`;
})}</div>`;
}

/** Where the field's own name reads badly. */
const FACTS: Readonly<Record<string, string>> = {
  weightsSha256: 'weights, SHA-256',
  weightsBytes: 'weights, bytes',
};

function facts(provenance: TaskResult['provenance']): Html {
  return definitions(
    Object.fromEntries(Object.entries(provenance).map(([name, value]) => [FACTS[name] ?? name, value])),
  );
}
