/** Pictures of what data sets hold, as a page that needs nothing else. */
import { printable } from '@pengi/core';
import { type Html, html, htmlPage } from '@pengi/report';

export type Chart =
  /** Counts by name, the largest first; `total` counts what is not shown too. */
  | { kind: 'bars'; title: string; rows: readonly (readonly [name: string, count: number])[]; note?: string }
  /** How often numbers occur. */
  | { kind: 'histogram'; title: string; unit: string; values: readonly number[]; note?: string };

export interface ChartSection {
  title: string;
  /** In a sentence or two. */
  text: string;
  charts: readonly Chart[];
}

/** A page with the sections below each other. */
export function chartPage(title: string, sections: readonly ChartSection[]): string {
  const body = html`<h1>${title}</h1>
${sections.map(
  ({ title: heading, text, charts }) => html`<section>
<h2>${heading}</h2>
<p>${text}</p>
<div class="charts">
${charts.filter(hasContent).map(chartFigure)}
</div>
</section>
`,
)}`;
  return htmlPage({ title, body, style: STYLE });
}

const STYLE = `
.charts { columns: 19rem; column-gap: 1rem; }
.charts figure { margin: 0 0 1rem; break-inside: avoid; padding: .75rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--panel); }
.charts h3 { margin: 0 0 .5rem; font-size: 1rem; font-weight: 600; }
.bars { display: grid; grid-template-columns: minmax(4rem, max-content) 1fr max-content; gap: .15rem .5rem; align-items: center; font-size: .8125rem; }
.bars .name { max-width: 11rem; overflow-wrap: anywhere; }
.bars .bar { height: .8rem; background: var(--accent); border-radius: 2px; min-width: 1px; }
.bars .count { text-align: right; font-variant-numeric: tabular-nums; color: var(--soft); }
.histogram { width: 100%; height: auto; }
.histogram rect { fill: var(--accent); }
.histogram text { fill: var(--soft); }
`;

/** Bars beyond these are summed up in the caption. */
const MOST_BARS = 20;

function hasContent(chart: Chart): boolean {
  return chart.kind === 'bars' ? chart.rows.length > 0 : chart.values.length > 0;
}

function chartFigure(chart: Chart): Html {
  return html`<figure>
<h3>${chart.title}</h3>
${chart.kind === 'bars' ? bars(chart.rows) : histogram(chart.title, chart.unit, chart.values)}
<figcaption>${[caption(chart), chart.note ?? ''].filter((text) => text !== '').join('. ')}</figcaption>
</figure>
`;
}

function bars(rows: readonly (readonly [string, number])[]): Html {
  const largest = Math.max(...rows.map(([, count]) => count));
  return html`<div class="bars">${rows.slice(0, MOST_BARS).map(
    ([name, count]) =>
      html`<span class="name">${printable(name, 60)}</span><span><span class="bar" style="display:block;width:${((100 * count) / largest).toFixed(1)}%"></span></span><span class="count">${count.toLocaleString('en')}</span>
`,
  )}</div>`;
}

function caption(chart: Chart): string {
  if (chart.kind === 'bars') {
    const hidden = chart.rows.slice(MOST_BARS).reduce((sum, [, count]) => sum + count, 0);
    return hidden > 0
      ? `${chart.rows.length - MOST_BARS} more with ${hidden.toLocaleString('en')} in all`
      : '';
  }
  const sorted = [...chart.values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2;
  const [least, most] = [sorted[0] as number, sorted.at(-1) as number];
  return `${sorted.length.toLocaleString('en')}: least ${short(least)}, median ${short(median)}, most ${short(most)} ${chart.unit}`;
}

const [WIDTH, HEIGHT, LEFT, TOP, BOTTOM] = [320, 150, 34, 6, 126];

function histogram(title: string, unit: string, values: readonly number[]): Html {
  const { from, width, counts } = binned(values);
  const most = Math.max(...counts);
  const step = (WIDTH - LEFT) / counts.length;
  const label = counts.map((count, i) => `${short(from + i * width)}: ${count}`).join(', ');
  const marks = counts.length <= 6 ? 1 : Math.ceil(counts.length / 6);
  return html`<svg class="histogram" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}, ${label}">
${counts.map((count, i) => {
  const height = ((BOTTOM - TOP) * count) / most;
  return html`<rect x="${(LEFT + i * step + 0.5).toFixed(1)}" y="${(BOTTOM - height).toFixed(1)}" width="${Math.max(0.5, step - 1).toFixed(1)}" height="${height.toFixed(1)}"/>`;
})}
<path class="axis" d="M${LEFT} ${TOP}V${BOTTOM}H${WIDTH}"/>
${counts
  .flatMap((_, i) => (i % marks === 0 ? [i] : []))
  .map(
    (i) =>
      html`<text x="${(LEFT + i * step).toFixed(1)}" y="${BOTTOM + 11}" text-anchor="${i === 0 ? 'start' : 'middle'}">${short(from + i * width)}</text>`,
  )}
<text x="${LEFT - 4}" y="${TOP + 8}" text-anchor="end">${most.toLocaleString('en')}</text>
<text x="${WIDTH}" y="${HEIGHT - 2}" text-anchor="end">${unit}</text>
</svg>`;
}

/** At most so many bars of a histogram, each 1, 2 or 5 times a power of ten wide. */
const MOST_BINS = 30;

export function binned(values: readonly number[]): { from: number; width: number; counts: number[] } {
  const low = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const least = values.every(Number.isInteger) ? 1 : 0;
  const rough = Math.max((high - low) / MOST_BINS, least, Number.MIN_VALUE);
  const power = 10 ** Math.floor(Math.log10(rough));
  const width =
    high === low ? 1 : ([1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) as number) * power;
  const from = Math.floor(low / width + 1e-9) * width;
  const counts = Array.from({ length: Math.floor((high - from) / width + 1e-9) + 1 }, () => 0);
  for (const value of values) {
    const bin = Math.min(counts.length - 1, Math.floor((value - from) / width + 1e-9));
    counts[bin] = (counts[bin] as number) + 1;
  }
  return { from, width, counts };
}

function short(value: number): string {
  return Number(value.toPrecision(4)).toLocaleString('en', { maximumFractionDigits: 3 });
}
