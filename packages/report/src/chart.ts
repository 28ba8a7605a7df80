import { type Html, html } from './html.js';
import { type Curve, curveColour, type PlotOptions, plot, plotEdges, thinned } from './plot.js';

/**
 * Curves as a figure of a page. With `CHART_SCRIPT` in the page, the legend shows the values below the pointer or finger;
 * it needs `CHART_STYLE`.
 */
export function chart(
  curves: readonly Curve[],
  { title, ...options }: Omit<PlotOptions, 'width' | 'height'> & { title: string },
): Html {
  const { xLabel = 'step', lastX } = options;
  const data = {
    ...plotEdges(WIDTH),
    lastX,
    curves: curves.map(({ points }) =>
      thinned(points)
        .filter(([, y]) => Number.isFinite(y))
        .map(([x, y]) => [x, Number(y.toPrecision(5))]),
    ),
  };
  return html`<figure class="chart" data-chart="${JSON.stringify(data)}">
<h3>${title}</h3>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">
${plot(curves, { ...options, width: WIDTH, height: HEIGHT })}
<path class="cursor" d="M0 10V${HEIGHT - 38}" visibility="hidden"/>
</svg>
<figcaption>${curves.map(
    ({ name, colour, style }) =>
      html`<span><span class="key${style === 'raw' ? ' faint' : ''}" style="--c:${curveColour(colour)}"></span>${name} <output></output></span>`,
  )}<span class="at">${xLabel} <output></output></span></figcaption>
</figure>
`;
}

const [WIDTH, HEIGHT] = [440, 230];

export const CHART_STYLE = `
.charts { display: grid; gap: 1rem 1.5rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); }
.chart { margin: 0; min-width: 0; }
.chart h3 { font-size: 1rem; margin: 0 0 .25rem; }
.chart svg { width: 100%; touch-action: pan-y; }
.chart svg text { font-size: 12px; }
.chart .grid { stroke: var(--line); }
.chart .raw { stroke-opacity: .5; }
@media (prefers-color-scheme: dark) { .chart polyline, .chart circle, .chart .key { filter: brightness(1.4); } }
.chart .axis, .chart .cursor { stroke: var(--soft); }
.chart figcaption { display: flex; flex-wrap: wrap; gap: .1rem 1rem; min-height: 1.5em; }
.chart output { font-variant-numeric: tabular-nums; color: var(--text); font-weight: 600; }
.chart .at { visibility: hidden; }
.chart.live .at { visibility: visible; }
.key.faint { opacity: .45; }
`;

/** Shows the values of each chart's curves at the step that is pointed at. */
export const CHART_SCRIPT = `
for (const figure of document.querySelectorAll('[data-chart]')) {
  const { left, right, lastX, curves } = JSON.parse(figure.dataset.chart);
  const svg = figure.querySelector('svg');
  const cursor = figure.querySelector('.cursor');
  const outputs = [...figure.querySelectorAll('output')];
  const at = outputs.pop();
  const xs = [...new Set(curves.flatMap((points) => points.map(([x]) => x)))].sort((a, b) => a - b);
  const nearest = (values, x) => values.reduce((a, b) => (Math.abs(b - x) < Math.abs(a - x) ? b : a));
  if (xs.length === 0) continue;
  const show = ({ clientX }) => {
    const box = svg.getBoundingClientRect();
    const pixel = ((clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    const x = nearest(xs, ((pixel - left) / (right - left)) * lastX);
    figure.classList.add('live');
    cursor.setAttribute('visibility', 'visible');
    cursor.setAttribute('transform', 'translate(' + (left + (x / lastX) * (right - left)) + ' 0)');
    at.textContent = x;
    curves.forEach((points, i) => {
      const before = points.filter((point) => point[0] <= x).at(-1);
      outputs[i].textContent = before ? before[1] : '';
    });
  };
  const hide = () => {
    figure.classList.remove('live');
    cursor.setAttribute('visibility', 'hidden');
    for (const output of [at, ...outputs]) output.textContent = '';
  };
  svg.addEventListener('pointermove', show);
  svg.addEventListener('pointerdown', show);
  svg.addEventListener('pointerleave', hide);
}
`;
