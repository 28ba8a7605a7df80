/** Recordings against texts: which are near each other in the joint space. */
import { cosines } from '@pengi/clap';
import { floats, type NdArray, printable } from '@pengi/core';
import { type Html, html } from '@pengi/report';

/** A larger matrix cannot be read. */
const MOST = 12;

/**
 * The cosines of the first recordings with what is wanted of them, as a table: each text once, the right ones marked.
 * @param audio [N, E] of recordings
 * @param text [N, E] of their targets
 */
export function similarityTable(
  audio: NdArray,
  text: NdArray,
  clips: readonly { id: string; target: string }[],
): Html {
  const shown = clips.slice(0, MOST);
  const columns = [...new Set(shown.map(({ target }) => target))];
  const firsts = columns.map((target) => shown.findIndex((clip) => clip.target === target));
  const matrix = cosines(rowsOf(audio, [...shown.keys()]), rowsOf(text, firsts)).data;
  const [low, high] = [Math.min(...matrix), Math.max(...matrix)];
  const valueAt = (i: number, j: number) => matrix[i * columns.length + j] as number;
  const nearest = shown.filter(
    ({ target }, i) =>
      valueAt(i, columns.indexOf(target)) === Math.max(...columns.map((_, j) => valueAt(i, j))),
  );
  return html`<p class="soft">Cosines of recordings (rows) and texts (columns), the right text of each framed. Of ${shown.length} recordings, ${nearest.length} are nearest to theirs (by chance ${(shown.length / columns.length).toFixed(1)}).</p>
<div class="scroll" tabindex="0" role="region" aria-label="Similarities">
<table class="confusion similarity">
<thead><tr><th></th>${columns.map((target) => html`<th scope="col"><span>${printable(target, 40)}</span></th>`)}</tr></thead>
<tbody>
${shown.map(
  ({ id, target }, i) => html`<tr><th scope="row">${printable(id, 30)}</th>${columns.map((column, j) => {
    const share = Math.round((100 * (valueAt(i, j) - low)) / (high - low || 1));
    const classes = ['right', column === target ? 'wanted' : '', share > 70 ? 'full' : ''].filter(Boolean);
    return html`<td class="${classes.join(' ')}" style="--share:${share}%">${valueAt(i, j).toFixed(2)}</td>`;
  })}</tr>
`,
)}</tbody>
</table>
</div>`;
}

export const SIMILARITY_STYLE = `
.similarity td { min-width: 2.75rem; font-size: .75rem; }
.similarity td.wanted { outline: 2px solid var(--text); outline-offset: -2px; }
.similarity thead th { height: 12rem; }
.similarity thead span { max-height: 12rem; overflow: hidden; text-overflow: ellipsis; }
`;

function rowsOf({ data, shape }: NdArray, rows: readonly number[]): NdArray<'float32'> {
  const [, E] = shape as [number, number];
  const picked = new Float32Array(rows.length * E);
  for (const [to, from] of rows.entries())
    picked.set((data as Float32Array).subarray(from * E, (from + 1) * E), to * E);
  return floats(picked, [rows.length, E]);
}
