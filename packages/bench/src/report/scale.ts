import { type Html, html } from '@pengi/report';
import { type SummaryRow, share } from './summary.js';

/** A result on a line from 0 to 1: the interval as a bar, the value as a dot, guessing and simple models as marks. */
export function resultScale({ name, value, interval, chance, baselines = [] }: SummaryRow): Html {
  const x = (position: number) => (MARGIN + position * (WIDTH - 2 * MARGIN)).toFixed(1);
  const text = `${name}: ${share(value)}${interval ? `, interval ${share(interval.low)} to ${share(interval.high)}` : ''}`;
  return html`<svg class="scale" viewBox="0 0 ${WIDTH} 24" role="img" aria-label="${text}">
<path class="axis" d="M${x(0)} 12H${x(1)}M${x(0)} 8v8M${x(0.5)} 9v6M${x(1)} 8v8"/>
${interval ? html`<path class="interval" d="M${x(interval.low)} 12H${x(interval.high)}"/>` : ''}
${chance ? html`<path class="chance" d="M${x(chance.random)} 4v16"/><path class="chance constant" d="M${x(chance.constant)} 4v16"/>` : ''}
${baselines.map((baseline) => html`<path class="baseline" d="M${x(baseline.value)} 6l6 6l-6 6l-6-6z"/>`)}
<circle class="value" cx="${x(value)}" cy="12" r="5.5"/>
</svg>`;
}

/** What the marks mean. */
export function scaleLegend(baselines: readonly string[]): Html {
  const entry = (mark: Html, text: string) =>
    html`<li><svg viewBox="0 0 24 24" aria-hidden="true">${mark}</svg>${text}</li>`;
  return html`<ul class="legend">
${entry(html`<path class="interval" d="M0 12H24"/><circle class="value" cx="12" cy="12" r="5.5"/>`, 'result with its interval')}
${entry(html`<path class="chance" d="M12 3v18"/>`, 'answers drawn at random')}
${entry(html`<path class="chance constant" d="M12 3v18"/>`, 'best constant answer')}
${baselines.length > 0 ? entry(html`<path class="baseline" d="M12 6l6 6l-6 6l-6-6z"/>`, baselines.join(', ')) : ''}
</ul>`;
}

const [WIDTH, MARGIN] = [240, 8];
