import { PengiError, printable } from '@pengi/core';
import type { ConfusionMatrix } from '@pengi/metrics';
import {
  dataUri,
  definitions,
  type Html,
  html,
  htmlPage,
  type LogMelClip,
  type SpectrogramAxes,
  spectrogramSvg,
} from '@pengi/report';
import type { Provenance } from '../record.js';
import { confusionTable } from './confusion.js';
import { resultScale, scaleLegend } from './scale.js';
import { type SummaryRow, share, summaryCells } from './summary.js';

export interface Report {
  readonly title: string;
  /** A paragraph or two below the title: what was done. */
  readonly introduction?: readonly string[];
  /** Such as `summaryRow` of each record. */
  readonly rows: readonly SummaryRow[];
  readonly confusion?: { readonly title: string; readonly matrix: ConfusionMatrix };
  /** Needs `axes`. */
  readonly examples?: readonly ReportExample[];
  /** The front end's config. */
  readonly axes?: SpectrogramAxes;
  /** Pictures as SVG text. They are shown as images, so that nothing in them can run. */
  readonly lossCurves?: readonly { readonly title: string; readonly svg: string }[];
  readonly provenance?: Provenance;
}

export interface ReportExample {
  readonly id: string;
  readonly audio: ReportAudio;
  readonly logMel: LogMelClip;
  readonly expected: string;
  /** What the model generated. */
  readonly answer: string;
  /** What is right and wrong about the answer, such as its instrument and its pitch. */
  readonly verdicts?: readonly { readonly name: string; readonly correct: boolean }[];
  /** The best labels, best first. */
  readonly zeroShot?: readonly { readonly label: string; readonly score: number }[];
}

/** The recording within the page, or a file beside it: a path relative to the page, with forward slashes. */
export type ReportAudio = { readonly bytes: Uint8Array; readonly mime: string } | { readonly path: string };

/**
 * The report as one HTML page that needs nothing else: no script, no request to anywhere (its content security policy forbids
 * both), pictures and sounds inside. File names, answers and all other texts are escaped.
 * @throws PengiError E_CONFIG for examples without `axes`
 */
export function renderReport({
  title,
  introduction = [],
  rows,
  confusion,
  examples = [],
  axes,
  lossCurves = [],
  provenance = {},
}: Report): string {
  if (examples.length > 0 && axes === undefined)
    throw new PengiError('E_CONFIG', 'a report with examples needs the axes of their spectrograms');
  const body = html`<header>
<h1>${title}</h1>
${introduction.map((paragraph) => html`<p>${paragraph}</p>\n`)}</header>
<main>
${rows.length > 0 ? section('Results', results(rows)) : ''}
${confusion ? section(confusion.title, confusionTable(confusion.matrix)) : ''}
${
  axes && examples.length > 0
    ? section(
        'Held-out recordings',
        html`<div class="cards">\n${examples.map((example) => card(example, axes))}</div>`,
      )
    : ''
}
${lossCurves.length > 0 ? section('Training', curves(lossCurves)) : ''}
</main>
<footer>
${Object.keys(provenance).length > 0 ? section('Where these numbers come from', definitions({ ...provenance })) : ''}
</footer>
`;
  return htmlPage({ title, body, soundsBeside: true });
}

function section(title: string, content: Html): Html {
  return html`<section>
<h2>${title}</h2>
${content}
</section>`;
}

function results(rows: readonly SummaryRow[]): Html {
  const { header, cells } = summaryCells(rows);
  const baselines = [...new Set(rows.flatMap((row) => row.baselines?.map(({ name }) => name) ?? []))];
  const [task = '', ...columns] = header;
  return html`<table class="results">
<thead><tr><th scope="col">${task}</th><td class="marks"></td>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>
${rows.map((row, i) => {
  const [name = '', value = '', interval = '', ...others] = cells[i] ?? [];
  return html`<tr><th scope="row">${name}</th><td class="marks">${resultScale(row)}</td><td class="value">${value}</td><td class="interval" data-label="${columns[1] ?? ''}">${interval}</td>${others.map(
    (cell, j) => html`<td data-label="${columns[j + 2] ?? ''}">${cell}</td>`,
  )}</tr>
`;
})}</tbody>
</table>
${scaleLegend(baselines)}`;
}

function card(
  { id, audio, logMel, expected, answer, verdicts, zeroShot }: ReportExample,
  axes: SpectrogramAxes,
): Html {
  return html`<article class="card">
<h3>${printable(id, 120)}</h3>
${spectrogramSvg(logMel, axes, `Spectrogram of ${printable(id, 120)}`)}
<audio controls preload="metadata" src="${source(audio)}"></audio>
<dl>
<dt>expected</dt><dd>${expected}</dd>
<dt>answer</dt><dd>${printable(answer, 400)}</dd>
${verdicts ? html`<dt>judged</dt><dd>${verdicts.map(verdictMark)}</dd>` : ''}
${zeroShot ? html`<dt>zero-shot</dt><dd>${zeroShot.slice(0, 3).map(rankedLabel)}</dd>` : ''}
</dl>
</article>
`;
}

function verdictMark({ name, correct }: { name: string; correct: boolean }): Html {
  return html`<span class="${correct ? 'right' : 'wrong'}">${correct ? '✓' : '✗'} ${name}</span> `;
}

function rankedLabel({ label, score }: { label: string; score: number }): Html {
  return html`<span class="ranked">${label} <span class="soft">${share(score)}</span></span> `;
}

/** Every part of a path is encoded, so that it stays a path whatever is in it. */
function source(audio: ReportAudio): Html | string {
  return 'path' in audio
    ? audio.path.split('/').map(encodeURIComponent).join('/')
    : dataUri(audio.mime, audio.bytes);
}

function curves(pictures: readonly { readonly title: string; readonly svg: string }[]): Html {
  return html`<div class="curves">
${pictures.map(
  ({ title, svg }) =>
    html`<figure><img src="${dataUri('image/svg+xml', new TextEncoder().encode(svg))}" alt="${title}"><figcaption>${title}</figcaption></figure>
`,
)}</div>`;
}
