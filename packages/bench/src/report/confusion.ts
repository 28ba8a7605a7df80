import type { ConfusionMatrix } from '@pengi/metrics';
import { type Html, html } from '@pengi/report';

/** The matrix as a table: counts, each cell shaded by its share of the row. */
export function confusionTable({ labels, counts }: ConfusionMatrix): Html {
  return html`<p class="soft" id="confusion-key">Rows: what was played. Columns: what was answered; “other” is everything that is none of the names. The stronger a cell’s colour, the larger its share of the row.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix">
<table class="confusion" aria-describedby="confusion-key">
<thead><tr><th></th>${[...labels, 'other'].map((label) => html`<th scope="col"><span>${label}</span></th>`)}</tr></thead>
<tbody>
${counts.map((row, i) => matrixRow(labels[i] ?? '', row, i))}</tbody>
</table>
</div>`;
}

function matrixRow(label: string, counts: readonly number[], diagonal: number): Html {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return html`<tr><th scope="row">${label}</th>${counts.map((count, j) => {
    const share = total === 0 ? 0 : Math.round((100 * count) / total);
    const classes = [count === 0 ? 'zero' : '', j === diagonal ? 'right' : '', share > 55 ? 'full' : ''];
    return html`<td class="${classes.filter(Boolean).join(' ')}" style="--share:${share}%">${count === 0 ? '·' : count}</td>`;
  })}</tr>
`;
}
