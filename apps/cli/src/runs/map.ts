/** Embeddings as points of a plane, near each other where they are alike. */
import { createRng, type NdArray } from '@pengi/core';
import { curveColour, type Html, html } from '@pengi/report';
import { UMAP } from 'umap-js';

/** Fewer points have no neighbourhoods. */
const FEWEST = 5;

/** The most frequent labels have colours of their own. */
const COLOURED = 6;
const OTHER = 6; // grey

/**
 * A picture of recordings by UMAP on the cosine distances of their embeddings [N, E] of length 1, coloured by what is wanted
 * of them; undefined for fewer than five. A recording that is there several times is one point. The same embeddings give the
 * same picture.
 */
export function embeddingMap(
  clips: readonly { id: string; audio: string; target: string }[],
  embeddings: NdArray,
): Html | undefined {
  const rows = clips.flatMap(({ audio }, i) =>
    clips.findIndex((clip) => clip.audio === audio) === i ? [i] : [],
  );
  if (rows.length < FEWEST) return undefined;
  const points = rows.map((row) => clips[row]!).map(({ id, target }) => ({ id, label: target }));
  const places = scaled(placesOf(embeddings, rows));
  const counts = new Map<string, number>();
  for (const { label } of points) counts.set(label, (counts.get(label) ?? 0) + 1);
  const named = [...counts]
    .sort((a, b) => b[1] - a[1])
    .slice(0, COLOURED)
    .map(([label]) => label);
  const colourOf = (label: string) => (named.includes(label) ? named.indexOf(label) : OTHER);
  const more = counts.size - named.length;
  const key = (colour: number, text: string) =>
    html`<li><span class="dot" style="background:${curveColour(colour)}"></span>${text}</li>`;
  return html`<figure class="map"><svg viewBox="0 0 ${SIZE} ${SIZE}" role="img" aria-label="${points.length} embeddings">
${points.map(({ id, label }, i) => {
  const [x = 0, y = 0] = places[i] ?? [];
  return html`<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="5" fill="${curveColour(colourOf(label))}"><title>${id}: ${label}</title></circle>
`;
})}</svg>
<ul class="legend">${named.map((label, i) => key(i, `${label} (${counts.get(label) ?? 0})`))}${more > 0 ? key(OTHER, `${more} others`) : ''}</ul>
</figure>`;
}

export const MAP_STYLE = `
.map { margin: 0; }
.map svg { width: 100%; max-width: 34rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--panel); }
.map circle { fill-opacity: .8; stroke: var(--panel); }
.dot { width: .75rem; height: .75rem; border-radius: 50%; flex: none; }
.legend li { overflow-wrap: anywhere; }
`;

const [SIZE, MARGIN] = [400, 16];

function placesOf({ data, shape }: NdArray, rows: readonly number[]): number[][] {
  const [, E] = shape as [number, number];
  const rng = createRng(0);
  const umap = new UMAP({
    nComponents: 2,
    nNeighbors: Math.min(15, rows.length - 1),
    minDist: 0.1,
    distanceFn: cosineDistance,
    random: () => rng.uniform(),
  });
  return umap.fit(rows.map((row) => Array.from(data.subarray(row * E, (row + 1) * E), Number)));
}

/** Of vectors of length 1. */
function cosineDistance(a: readonly number[], b: readonly number[]): number {
  return Math.max(0, 1 - a.reduce((sum, x, i) => sum + x * (b[i] as number), 0));
}

/** Into the picture, both axes alike. */
function scaled(places: readonly number[][]): number[][] {
  const low = [0, 1].map((axis) => Math.min(...places.map((place) => place[axis] as number)));
  const span = Math.max(
    1e-9,
    ...[0, 1].map(
      (axis) => Math.max(...places.map((place) => place[axis] as number)) - (low[axis] as number),
    ),
  );
  return places.map((place) =>
    place.map((value, axis) => MARGIN + ((value - (low[axis] as number)) / span) * (SIZE - 2 * MARGIN)),
  );
}
