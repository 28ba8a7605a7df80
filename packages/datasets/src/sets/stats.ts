import type { Item } from './item.js';

export interface Spread {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
}

/** What a set of items holds. Counts are by name, the largest first; those of numbers by number. */
export interface DataSetStats {
  readonly items: number;
  readonly recordings: number;
  readonly splits: Readonly<Record<string, number>>;
  readonly folds: Readonly<Record<string, number>>;
  readonly labels: Readonly<Record<string, number>>;
  readonly answers: Readonly<Record<string, number>>;
  readonly pitches: Readonly<Record<string, number>>;
  readonly velocities: Readonly<Record<string, number>>;
  readonly qualities: Readonly<Record<string, number>>;
  readonly genres: Readonly<Record<string, number>>;
  readonly captions: number;
  readonly distinctCaptions: number;
  /** Labels of an item that has any; null when none has. */
  readonly labelsPerItem: Spread | null;
  /** Words of a caption, by blanks; null without captions. */
  readonly captionWords: Spread | null;
}

export function statsOf(items: readonly Item[]): DataSetStats {
  const captions = items.flatMap((item) => item.captions ?? []);
  const notes = items.flatMap(({ note }) => note ?? []);
  return {
    items: items.length,
    recordings: new Set(items.map(({ audio }) => audio)).size,
    splits: countsOf(items.map(({ split }) => split)),
    folds: countsOf(items.flatMap(({ fold }) => (fold === undefined ? [] : String(fold)))),
    labels: countsOf(items.flatMap((item) => item.labels ?? [])),
    answers: countsOf(items.flatMap((item) => item.answers ?? [])),
    pitches: countsOf(notes.map(({ pitch }) => String(pitch))),
    velocities: countsOf(notes.map(({ velocity }) => String(velocity))),
    qualities: countsOf(notes.flatMap(({ qualities }) => qualities)),
    genres: countsOf(items.flatMap(({ music }) => music?.genres ?? [])),
    captions: captions.length,
    distinctCaptions: new Set(captions).size,
    labelsPerItem: spreadOf(items.flatMap(({ labels }) => labels?.length ?? [])),
    captionWords: spreadOf(captions.map((caption) => caption.trim().split(/\s+/).length)),
  };
}

export function countsOf(names: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}

function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  let [min, max, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
  }
  return { min, mean: sum / values.length, max };
}
