/** report.html of a run, and the page that compares several. */

import { printable } from '@pengi/core';
import { formatSeconds } from '@pengi/core/node';
import {
  CHART_SCRIPT,
  CHART_STYLE,
  clipFigure,
  definitions,
  type ExampleClip,
  type Html,
  html,
  htmlPage,
} from '@pengi/report';
import type { SampleText } from '../task.js';
import type { SettingDifference } from './compare.js';
import { comparedCharts, runCharts } from './curves.js';
import { linesOf, type RunRecord, scoresOf } from './read-run.js';
import { RUN_STYLE } from './style.js';

export interface RunReportOptions {
  /** Default: the task. */
  title?: string;
  /** Recordings of the samples that the evaluations ask about, by their id: they are shown and can be played. */
  clips?: ReadonlyMap<string, ExampleClip>;
  /** Further sections, after the captions. */
  sections?: readonly ReportSection[];
  /** CSS that these need. */
  style?: string;
  /** Named groups of facts at the end, such as the versions of what has trained. */
  facts?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface ReportSection {
  readonly title: string;
  readonly content: Html;
}

/**
 * A run as one HTML page that needs nothing else: curves that tell their values, the samples of the evaluations with what the
 * model said of them over time, settings, facts. A run that goes on is shown as far as it is.
 */
export function renderRunReport(
  run: RunRecord,
  {
    title = `Training ${run.task}`,
    clips = new Map(),
    sections = [],
    style = '',
    facts = {},
  }: RunReportOptions = {},
): string {
  const { skipped } = linesOf(run);
  const charts = runCharts(run);
  const said = histories(run);
  const body = html`<header>
<h1>${title}</h1>
${summary(run)}
</header>
<main>
${section('Curves', charts.length > 0 ? html`<div class="charts">${charts}</div>` : html`<p>No step has been logged yet.</p>`)}
${said.length > 0 ? section('What the model says', html`<div class="cards">${said.map((history) => sampleCard(history, clips))}</div>`) : ''}
${sections.map((one) => section(one.title, one.content))}
${
  skipped.length > 0
    ? section(
        'Steps that were left out',
        html`<ul>${skipped.slice(0, MOST_SKIPPED).map(
          ({ step, reason, ids }) =>
            html`<li>step ${step}: ${reason} (${ids
              .slice(0, 8)
              .map((id) => printable(id, 60))
              .join(', ')}${ids.length > 8 ? ', …' : ''})</li>`,
        )}</ul>${skipped.length > MOST_SKIPPED ? html`<p>and ${skipped.length - MOST_SKIPPED} more</p>` : ''}`,
      )
    : ''
}
</main>
<footer>
${Object.entries({ Settings: plainSettings(run), ...facts }).map(([name, values]) => section(name, nested(values)))}
${run.status ? section('Starts', starts(run.status.starts)) : ''}
</footer>
`;
  return htmlPage({ title, body, style: CHART_STYLE + RUN_STYLE + style, script: CHART_SCRIPT });
}

/** Several runs on one page: their results, the settings that differ, their curves over each other. */
export function renderComparison(
  runs: readonly RunRecord[],
  names: readonly string[],
  differences: readonly SettingDifference[],
): string {
  const title = `${runs.length} runs: ${names.join(', ')}`;
  const head = html`<thead><tr><th></th>${names.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>`;
  const table = (rows: readonly (readonly [name: string, cells: readonly string[]])[]) =>
    html`<div class="scroll" tabindex="0"><table class="plain">${head}<tbody>${rows.map(([name, cells]) => html`<tr><th scope="row">${name}</th>${cells.map((text) => html`<td>${printable(text, 120)}</td>`)}</tr>\n`)}</tbody></table></div>`;
  const body = html`<header><h1>${title}</h1></header>
<main>
${section('Results', table(resultRows(runs)))}
${section('Settings that differ', differences.length > 0 ? table(differences.map(({ name, values }) => [name, values.map((value) => value ?? '–')])) : html`<p>None.</p>`)}
${section('Curves', html`<div class="charts">${comparedCharts(runs, names)}</div>`)}
</main>
`;
  return htmlPage({ title, body, style: CHART_STYLE + RUN_STYLE, script: CHART_SCRIPT });
}

/** State, steps, time, losses and scores of runs, each with a text for every run. */
export function resultRows(runs: readonly RunRecord[]): [name: string, cells: string[]][] {
  const scores = runs.map(scoresOf);
  const names = [...new Set(scores.flatMap((one) => Object.keys(one)))];
  const last = runs.map((run) => linesOf(run).steps.at(-1));
  return [
    ['state', runs.map(({ state }) => state)],
    ['task', runs.map(({ task }) => task)],
    ['steps', runs.map(({ step, settings }) => `${step} of ${settings.steps}`)],
    ['time', runs.map(({ seconds }) => formatSeconds(seconds))],
    ['loss', last.map((line) => numberText(line?.loss))],
    ...names.flatMap((name): [string, string[]][] => [
      [`${name}, last`, scores.map((one) => numberText(one[name]?.last))],
      [
        `${name}, best`,
        scores.map((one) => {
          const best = one[name]?.best;
          return best ? `${numberText(best.value)} at ${best.step}` : '–';
        }),
      ],
    ]),
  ];
}

export function numberText(value: number | null | undefined): string {
  return typeof value === 'number' ? Number(value.toPrecision(4)).toString() : '–';
}

const MOST_SKIPPED = 20;

function section(title: string, content: Html): Html {
  return html`<section>
<h2>${title}</h2>
${content}
</section>
`;
}

/** The few numbers that a reader wants first. */
function summary(run: RunRecord): Html {
  const rows = resultRows([run]).filter(([name]) => name !== 'task');
  const error = run.state === 'failed' ? run.status?.error : undefined;
  return html`<dl class="tiles">${rows.map(
    ([name, [value = '']]) =>
      html`<div><dt>${name}</dt><dd class="${name === 'state' ? value : ''}">${value}</dd></div>`,
  )}</dl>
${error === undefined ? '' : html`<p class="failed">${error}</p>`}`;
}

interface History {
  sample: SampleText;
  /** What was said, with the steps at which it was: equal answers one after the other are one. */
  answers: { from: number; to: number; answer: string }[];
}

/** What the model said of each sample over time, in the order of the newest evaluation. */
function histories(run: RunRecord): History[] {
  const found = new Map<string, History>();
  for (const { step, samples = [] } of linesOf(run).evaluations)
    for (const sample of samples) {
      const history = found.get(sample.id) ?? { sample, answers: [] };
      const last = history.answers.at(-1);
      if (last?.answer === sample.answer) last.to = step;
      else history.answers.push({ from: step, to: step, answer: sample.answer });
      found.set(sample.id, history);
    }
  return [...found.values()];
}

function sampleCard({ sample, answers }: History, clips: ReadonlyMap<string, ExampleClip>): Html {
  const name = printable(sample.id, 120);
  const clip = clips.get(sample.id);
  const wanted = sample.target.trim().toLowerCase();
  const right = (answer: string) => answer.trim().toLowerCase() === wanted;
  return html`<article class="card">
<h3>${name}</h3>
${clip ? clipFigure(clip, name) : ''}
<dl>
<dt>prompt</dt><dd>${printable(sample.prompt, 200)}</dd>
<dt>wanted</dt><dd>${printable(sample.target, 400)}</dd>
</dl>
<ol class="said">${answers.map(
    ({ from, to, answer }) =>
      html`<li class="${right(answer) ? 'right' : ''}"><span class="soft">${from === to ? `step ${from}` : `steps ${from} – ${to}`}</span> ${printable(answer, 400)}</li>`,
  )}</ol>
</article>
`;
}

function plainSettings({ settings, record }: RunRecord): Record<string, unknown> {
  return { ...settings, ...(typeof record === 'object' ? record : { record }) };
}

/** Values by name; those that hold others are folded away. */
function nested(values: Readonly<Record<string, unknown>>): Html {
  const isPlain = (value: unknown) => typeof value !== 'object' || value === null || Array.isArray(value);
  const entries = Object.entries(values);
  return html`${definitions(Object.fromEntries(entries.filter(([, value]) => isPlain(value))))}
${entries
  .filter(([, value]) => !isPlain(value))
  .map(
    ([name, value]) =>
      html`<details><summary>${name}</summary>${nested(value as Record<string, unknown>)}</details>\n`,
  )}`;
}

function starts(
  found: readonly { at: string; step: number; engine: string; host: string; pid: number }[],
): Html {
  return html`<ul>${found.map(({ at, step, engine, host, pid }) => html`<li>${at}, ${step === 0 ? 'anew' : `from step ${step}`}: ${engine}; process ${pid} on ${host}</li>`)}</ul>`;
}
