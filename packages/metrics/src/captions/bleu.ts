import { type Ngrams, ngramCounter, ORDERS, tableFor } from './ngrams.js';
import { refuseClips } from './refuse.js';
import type { Tokens } from './tokens.js';

export interface BleuScores {
  /** BLEU-1 … BLEU-4 of all clips together. */
  readonly corpus: readonly number[];
  /** `sentences[n - 1][clip]` */
  readonly sentences: readonly (readonly number[])[];
}

/** coco-caption's guards against division by zero; they are the only smoothing. */
const TINY = 1e-15;
const SMALL = 1e-9;

/**
 * BLEU (Papineni et al. 2002) as coco-caption computes it: clipped n-gram precisions, and a brevity penalty against the reference
 * whose length is closest (the shorter of two as close). The corpus's score is made of the sums over the clips, not of their scores.
 * @throws PengiError E_SHAPE, E_DATA
 */
export function bleu(candidates: readonly Tokens[], references: readonly (readonly Tokens[])[]): BleuScores {
  refuseClips(candidates, references);
  const count = ngramCounter();
  return bleuOf(
    candidates.map(count),
    references.map((texts) => texts.map(count)),
  );
}

/** `bleu` of counted captions. */
export function bleuOf(
  candidates: readonly Ngrams[],
  references: readonly (readonly Ngrams[])[],
): BleuScores {
  const clips = candidates.map((candidate, i) => emptyStatistics(candidate, references[i]!));
  for (let n = 0; n < ORDERS; n++) countMatches(clips, candidates, references, n);
  const total = { ...emptyStatistics(), guessed: new Array<number>(ORDERS).fill(0) };
  for (const { length, closest, matched, guessed } of clips) {
    total.length += length;
    total.closest += closest;
    for (let n = 0; n < ORDERS; n++) {
      total.matched[n]! += matched[n]!;
      total.guessed[n]! += guessed[n]!;
    }
  }
  const scores = clips.map(scoresOf);
  return {
    corpus: scoresOf(total),
    sentences: Array.from({ length: ORDERS }, (_, n) => scores.map((score) => score[n]!)),
  };
}

interface Statistics {
  length: number;
  closest: number;
  matched: number[];
  guessed: number[];
}

function emptyStatistics(candidate?: Ngrams, references: readonly Ngrams[] = []): Statistics {
  const length = candidate?.length ?? 0;
  const nearer = (a: number, b: number) => Math.abs(a - length) - Math.abs(b - length) || a - b;
  return {
    length,
    closest: references.map((reference) => reference.length).sort(nearer)[0] ?? 0,
    matched: new Array<number>(ORDERS).fill(0),
    guessed: Array.from({ length: ORDERS }, (_, n) => Math.max(0, length - n)),
  };
}

/** How many n-grams of each clip's candidate are in a reference, each at most as often as in one of them. */
function countMatches(
  clips: readonly Statistics[],
  candidates: readonly Ngrams[],
  references: readonly (readonly Ngrams[])[],
  n: number,
): void {
  const most = tableFor([...candidates, ...references.flat()], n);
  clips.forEach(({ matched }, clip) => {
    for (const { orders } of references[clip]!) {
      const { ids, times } = orders[n]!;
      for (let i = 0; i < ids.length; i++) most[ids[i]!] = Math.max(most[ids[i]!]!, times[i]!);
    }
    const { ids, times } = candidates[clip]!.orders[n]!;
    for (let i = 0; i < ids.length; i++) matched[n]! += Math.min(times[i]!, most[ids[i]!]!);
    for (const { orders } of references[clip]!) for (const id of orders[n]!.ids) most[id] = 0;
  });
}

function scoresOf({ length, closest, matched, guessed }: Statistics): number[] {
  const ratio = (length + TINY) / (closest + SMALL);
  const penalty = ratio < 1 ? Math.exp(1 - 1 / ratio) : 1;
  let product = 1;
  return matched.map((right, n) => {
    product *= (right + TINY) / (guessed[n]! + SMALL);
    return product ** (1 / (n + 1)) * penalty;
  });
}
