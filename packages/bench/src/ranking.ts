/** The index of the largest score; the first of equals. */
export function bestIndex(scores: readonly number[]): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] as number) > (scores[best] as number)) best = i;
  return best;
}

/** The `count` labels with the largest scores, best first; equals in the order of the labels. */
export function topLabels(
  labels: readonly string[],
  scores: readonly number[],
  count = 3,
): { label: string; score: number }[] {
  return labels
    .map((label, i) => ({ label, score: scores[i] ?? Number.NEGATIVE_INFINITY }))
    .sort((a, b) => b.score - a.score)
    .slice(0, count);
}
