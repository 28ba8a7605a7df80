import { PengiError } from '@pengi/core';
import { harmonicMean, share } from './numbers.js';

/** A sound event; times in seconds. */
export interface SoundEvent {
  readonly label: string;
  readonly onset: number;
  readonly offset: number;
}

/** The events of each recording. */
export interface EventPair {
  readonly reference: readonly SoundEvent[];
  readonly estimated: readonly SoundEvent[];
}

export interface DetectionScores {
  readonly f1: number;
  readonly precision: number;
  readonly recall: number;
  /** (substitutions + deletions + insertions) / reference; lower is better, and it can exceed 1. */
  readonly errorRate: number;
  readonly substitutionRate: number;
  readonly deletionRate: number;
  readonly insertionRate: number;
}

export interface EventReport {
  /** Of all recordings and classes together. */
  readonly overall: DetectionScores;
  /** Each class for itself; substitutions do not exist there. NaN where the reference has no event of a class. */
  readonly perClass: Readonly<Record<string, DetectionScores>>;
  /** Means over the classes, those with NaN left out. */
  readonly classMean: DetectionScores;
}

/**
 * Segment-based scores as sed_eval computes them (Mesaros et al. 2016): time is cut into segments, and a class is active in each one that
 * an event of it touches. A recording is as long as its last event.
 * @param labels classes to score, in any order
 * @param segment seconds
 * @throws PengiError E_DATA for an event whose label is none of `labels`, or that ends before it begins
 */
export function segmentScores(
  recordings: readonly EventPair[],
  labels: readonly string[],
  segment = 1,
): EventReport {
  refuseEvents(recordings, labels);
  const total = emptyCounts();
  const classes = labels.map(emptyCounts);
  for (const { reference, estimated } of recordings) {
    const truth = labels.map((label) => activeSegments(reference, label, segment));
    const guess = labels.map((label) => activeSegments(estimated, label, segment));
    const segments = new Set([...truth, ...guess].flatMap((active) => [...active]));
    for (const t of segments) {
      const here = emptyCounts();
      labels.forEach((_, k) => {
        const [wanted, said] = [truth[k]!.has(t) ? 1 : 0, guess[k]!.has(t) ? 1 : 0];
        add(classes[k]!, { reference: wanted, estimated: said, hits: wanted * said, substitutions: 0 });
        add(here, { reference: wanted, estimated: said, hits: wanted * said, substitutions: 0 });
      });
      here.substitutions = Math.min(here.reference, here.estimated) - here.hits;
      add(total, here);
    }
  }
  return report(total, classes, labels);
}

export interface EventMatching {
  /** How far onsets may be apart, in seconds. Default 0.2. */
  readonly collar?: number;
  /** Whether offsets have to fit, too: within the collar, or within this share of the reference event's length. */
  readonly offsetShare?: number;
}

/**
 * Event-based scores as sed_eval computes them: pairs of events of one class whose onsets (and offsets) fit, as many pairs as can be
 * made (a maximum matching). What is left over and fits an event of another class is a substitution.
 * @throws PengiError as `segmentScores`
 */
export function eventScores(
  recordings: readonly EventPair[],
  labels: readonly string[],
  { collar = 0.2, offsetShare }: EventMatching = {},
): EventReport {
  refuseEvents(recordings, labels);
  const fits = (wanted: SoundEvent, said: SoundEvent) =>
    Math.abs(wanted.onset - said.onset) <= collar &&
    (offsetShare === undefined ||
      Math.abs(wanted.offset - said.offset) <=
        Math.max(collar, offsetShare * (wanted.offset - wanted.onset)));
  const total = emptyCounts();
  const classes = labels.map(emptyCounts);
  for (const { reference, estimated } of recordings) {
    const pairs = maximumMatching(reference, estimated, (a, b) => a.label === b.label && fits(a, b));
    const used = new Set(pairs.values());
    add(total, {
      reference: reference.length,
      estimated: estimated.length,
      hits: pairs.size,
      substitutions: 0,
    });
    reference.forEach((wanted, i) => {
      if (pairs.has(i)) return;
      const other = estimated.findIndex((said, j) => !used.has(j) && fits(wanted, said));
      if (other < 0) return;
      used.add(other);
      total.substitutions++;
    });
    labels.forEach((label, k) => {
      const ofClass = (events: readonly SoundEvent[]) =>
        events.filter((event) => event.label === label).length;
      const hits = [...pairs.keys()].filter((i) => reference[i]!.label === label).length;
      add(classes[k]!, {
        reference: ofClass(reference),
        estimated: ofClass(estimated),
        hits,
        substitutions: 0,
      });
    });
  }
  return report(total, classes, labels);
}

interface Counts {
  reference: number;
  estimated: number;
  hits: number;
  substitutions: number;
}

function emptyCounts(): Counts {
  return { reference: 0, estimated: 0, hits: 0, substitutions: 0 };
}

function add(total: Counts, more: Counts): void {
  total.reference += more.reference;
  total.estimated += more.estimated;
  total.hits += more.hits;
  total.substitutions += more.substitutions;
}

function report(total: Counts, classes: readonly Counts[], labels: readonly string[]): EventReport {
  const perClass = classes.map(scoresOf);
  const classMean = Object.fromEntries(
    Object.keys(scoresOf(total)).map((name) => {
      const values = perClass
        .map((scores) => scores[name as keyof DetectionScores])
        .filter((x) => !Number.isNaN(x));
      return [name, values.reduce((a, b) => a + b, 0) / values.length];
    }),
  ) as unknown as DetectionScores;
  return {
    overall: scoresOf(total),
    perClass: Object.fromEntries(labels.map((label, k) => [label, perClass[k]!])),
    classMean,
  };
}

function scoresOf({ reference, estimated, hits, substitutions }: Counts): DetectionScores {
  const precision = share(hits, estimated);
  const recall = share(hits, reference);
  const rate = (count: number) => (reference === 0 ? Number.NaN : count / reference);
  const deletions = reference - hits - substitutions;
  const insertions = estimated - hits - substitutions;
  return {
    f1: harmonicMean(precision, recall),
    precision,
    recall,
    errorRate: rate(substitutions + deletions + insertions),
    substitutionRate: rate(substitutions),
    deletionRate: rate(deletions),
    insertionRate: rate(insertions),
  };
}

function activeSegments(events: readonly SoundEvent[], label: string, segment: number): Set<number> {
  const active = new Set<number>();
  for (const event of events)
    if (event.label === label)
      for (let t = Math.floor(event.onset / segment); t < Math.ceil(event.offset / segment); t++)
        active.add(t);
  return active;
}

/** Pairs (a's index, b's index), as many as possible: augmenting paths, one for each `a`. */
function maximumMatching<A, B>(
  a: readonly A[],
  b: readonly B[],
  fits: (a: A, b: B) => boolean,
): Map<number, number> {
  const edges = a.map((x) => b.flatMap((y, j) => (fits(x, y) ? [j] : [])));
  const partner = new Map<number, number>(); // of b's
  const augment = (i: number, visited: Set<number>): boolean =>
    edges[i]!.some((j) => {
      if (visited.has(j)) return false;
      visited.add(j);
      const holder = partner.get(j);
      if (holder !== undefined && !augment(holder, visited)) return false;
      partner.set(j, i);
      return true;
    });
  a.forEach((_, i) => void augment(i, new Set()));
  return new Map([...partner].map(([j, i]) => [i, j]));
}

function refuseEvents(recordings: readonly EventPair[], labels: readonly string[]): void {
  const known = new Set(labels);
  recordings.forEach(({ reference, estimated }, i) => {
    for (const { label, onset, offset } of [...reference, ...estimated]) {
      if (!known.has(label))
        throw new PengiError(
          'E_DATA',
          `recording ${i} has an event "${label}", which is not among the labels`,
        );
      if (!(onset >= 0 && offset >= onset))
        throw new PengiError('E_DATA', `recording ${i} has an event from ${onset} to ${offset} s`);
    }
  });
}
