import { type Html, html } from '@pengi/report';

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [420, 220, 40, 190, 10];
const COLOURS = ['#0b6bcb', '#c2571a', '#1a7f37', '#8250df', '#b3261e'];

/** The share of queries answered within the first k. */
export function recallPlot(
  curves: readonly { readonly name: string; readonly recall: readonly number[] }[],
): Html {
  const most = Math.max(2, ...curves.map(({ recall }) => recall.length));
  const x = (k: number) => (LEFT + ((k - 1) / (most - 1)) * (WIDTH - LEFT - 10)).toFixed(1);
  const y = (share: number) => (BOTTOM - share * (BOTTOM - TOP)).toFixed(1);
  const label = curves.map(({ name, recall }) => `${name}: ${recall[0]?.toFixed(3)} at 1`).join('; ');
  return html`<figure><svg class="curves-plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">
<path class="axis" d="M${LEFT} ${TOP}V${BOTTOM}H${WIDTH - 10}"/>
${[0, 0.25, 0.5, 0.75, 1].map((share) => html`<text x="${LEFT - 5}" y="${y(share)}" text-anchor="end">${share}</text>`)}
${[1, 5, 10, 20, 30, 40, 50].filter((k) => k <= most).map((k) => html`<text x="${x(k)}" y="${BOTTOM + 13}" text-anchor="middle">${k}</text>`)}
${curves.map(
  ({ recall }, i) =>
    html`<path class="curve" style="stroke:${COLOURS[i % COLOURS.length] as string}" d="M${recall.map((share, k) => `${x(k + 1)} ${y(share)}`).join('L')}"/>`,
)}
<text x="${(LEFT + WIDTH) / 2}" y="${HEIGHT - 3}" text-anchor="middle">k</text>
</svg><figcaption>Recall within the first k. ${curves.map(({ name }, i) => html`<span class="key" style="--c:${COLOURS[i % COLOURS.length] as string}"></span>${name} `)}</figcaption></figure>`;
}
