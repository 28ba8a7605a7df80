import { createRng, type NdArray, PengiError } from '@pengi/core';
import { type BeamOptions, type BeamSearch, createBeamSearch, type Generation, sampleToken } from './beam.js';
import type { Decoder } from './decoder.js';

export interface GenerateOptions {
  /** Default: beam search, as the paper's evaluations. */
  strategy?: 'beam' | 'greedy' | 'sample';
  /** Beams of the search (default 5, the paper's), or texts to draw (default 1). */
  beams?: number;
  /** Default 67, msclap's. */
  maxTokens?: number;
  /** Logits are divided by it; default 1. It changes beam rankings, too. 0 and below count as 1, as in the reference. */
  temperature?: number;
  /** The token that ends a text. */
  stopToken: number;
  /** Sampling: see `SampleOptions`. */
  topK?: number;
  topP?: number;
  /** Sampling: the same seed draws the same texts after the same prefix, whatever is decoded beside it. Default 0. */
  seed?: number;
  /** Is told of the texts as they grow. What it throws ends the decoding. */
  onText?: ((text: TextSoFar) => void) | undefined;
}

/** The best text so far after one of the prefixes. A beam search can change its mind, as long as it is not done. */
export interface TextSoFar {
  /** Which prefix. */
  prefix: number;
  /** The tokens, with the stop token if that ended them. */
  ids: readonly number[];
  /** Whether this is the final text. Told once for each prefix, as soon as it is known: others may take longer. */
  done: boolean;
}

/**
 * Texts that continue each prefix, best first.
 * @param prefixes embeddings, one [n, C] each; they are decoded together
 * @throws PengiError E_USAGE for options out of range, E_SHAPE for prefixes that do not fit the model
 */
export async function generate(
  decoder: Decoder,
  prefixes: readonly NdArray[],
  options: GenerateOptions,
): Promise<Generation[][]> {
  const { strategy = 'beam', maxTokens = 67, temperature = 1 } = options;
  const beams = strategy === 'greedy' ? 1 : (options.beams ?? (strategy === 'beam' ? 5 : 1));
  check(options, { beams, maxTokens, temperature });
  if (prefixes.length === 0) return [];
  const settings = { ...options, beams, maxTokens, temperature };
  // A search with one beam is the greedy choice.
  return strategy === 'sample'
    ? sample(decoder, prefixes, settings)
    : beamSearch(decoder, prefixes, settings);
}

type Settings = GenerateOptions & BeamOptions & { temperature: number };

function check({ topK = 1, topP = 1 }: GenerateOptions, settings: Omit<Settings, 'stopToken'>): void {
  const { beams, maxTokens, temperature } = settings;
  for (const [name, value] of Object.entries({ beams, maxTokens, topK }))
    if (!(Number.isInteger(value) && value >= 1))
      throw new PengiError('E_USAGE', `${name} must be a whole number of at least 1, found ${value}`);
  if (!(topP > 0 && topP <= 1))
    throw new PengiError('E_USAGE', `topP must be above 0 and at most 1, found ${topP}`);
  if (Number.isNaN(temperature)) throw new PengiError('E_USAGE', 'temperature is no number');
}

async function beamSearch(
  decoder: Decoder,
  prefixes: readonly NdArray[],
  { beams, maxTokens, temperature, stopToken, onText }: Settings,
): Promise<Generation[][]> {
  const run = await decoder.search(prefixes, { rows: beams, maxTokens, temperature });
  const searches = run.first.map((first) => createBeamSearch({ beams, maxTokens, stopToken }, first));
  const tell = (prefix: number, { done, results }: BeamSearch) =>
    onText?.({ prefix, ids: results()[0]!.ids, done });
  for (const [g, search] of searches.entries()) tell(g, search);
  while (searches.some((search) => !search.done)) {
    const choices = await run.advance(searches.map((search) => search.continuations));
    for (const [g, search] of searches.entries()) {
      if (search.done) continue;
      search.advance(choices[g]!);
      tell(g, search);
    }
  }
  return searches.map((search) => search.results());
}

async function sample(
  decoder: Decoder,
  prefixes: readonly NdArray[],
  { beams: rows, maxTokens, temperature, stopToken, topK, topP, seed = 0, onText }: Settings,
): Promise<Generation[][]> {
  const run = await decoder.start(prefixes, { rows, maxTokens, temperature });
  const texts = prefixes.map(() =>
    Array.from({ length: rows }, (_, r) => ({
      rng: createRng(seed).fork(r),
      ids: [] as number[],
      logProb: 0,
      stopped: false,
    })),
  );

  const finished = texts.map(() => false);

  let next = run.first.logProbs;
  for (let step = 0; step < maxTokens; step++) {
    for (const [g, group] of texts.entries())
      for (const [r, text] of group.entries()) {
        if (text.stopped) continue;
        const logProbs = next[g]![step === 0 ? 0 : r]!;
        const token = sampleToken(logProbs, text.rng, { topK, topP });
        text.ids.push(token);
        text.logProb += logProbs[token]!;
        text.stopped = token === stopToken;
      }
    for (const [prefix, group] of texts.entries()) {
      if (finished[prefix]) continue;
      finished[prefix] = step === maxTokens - 1 || group.every(({ stopped }) => stopped);
      onText?.({ prefix, ids: [...sorted(group)[0]!.ids], done: finished[prefix] });
    }
    if (finished.every(Boolean)) break;
    const continuations = texts.map((group) =>
      group.map(({ ids }, parent) => ({ parent: step === 0 ? 0 : parent, token: ids.at(-1)! })),
    );
    next = (await run.advance(continuations)).logProbs;
  }
  return texts.map(sorted);
}

/** Drawn texts, best first. */
function sorted(group: readonly { ids: number[]; logProb: number; stopped: boolean }[]): Generation[] {
  return group
    .map(({ ids, logProb, stopped }): Generation => ({ ids, score: logProb / ids.length, stopped }))
    .sort((a, b) => b.score - a.score);
}
