import { createRng, type NdArray, PengiError } from '@pengi/core';
import { createBeamSearch, type Generation, sampleToken, type TopTokens } from './beam.js';
import type { Decoder, Distributions } from './decoder.js';

export interface GenerateOptions {
  /** Default: beam search with 5 beams, as the paper's evaluations. */
  strategy?: 'beam' | 'greedy' | 'sample';
  /** Beams of the search, or texts to draw. */
  beams?: number;
  /** Default 67, msclap's. */
  maxTokens?: number;
  /** Default 1. It changes beam rankings, too. */
  temperature?: number;
  stopToken: number;
  /** Sampling: see `SampleOptions`. */
  topK?: number;
  topP?: number;
  seed?: number;
}

/**
 * Texts that continue each prefix, best first.
 * @param prefixes embeddings, one [n, C] each; they are decoded together
 */
export async function generate(
  decoder: Decoder,
  prefixes: readonly NdArray[],
  options: GenerateOptions,
): Promise<Generation[][]> {
  const { strategy = 'beam', maxTokens = 67 } = options;
  if (!(Number.isInteger(maxTokens) && maxTokens >= 1))
    throw new PengiError('E_USAGE', `at least one token must be asked for, found ${maxTokens}`);
  if (prefixes.length === 0) return [];
  if (strategy === 'sample') return sample(decoder, prefixes, { ...options, maxTokens });
  // A search with one beam is the greedy choice.
  const beams = strategy === 'greedy' ? 1 : (options.beams ?? 5);
  return beam(decoder, prefixes, { ...options, beams, maxTokens });
}

async function beam(
  decoder: Decoder,
  prefixes: readonly NdArray[],
  { beams, maxTokens, temperature, stopToken }: GenerateOptions & { beams: number; maxTokens: number },
): Promise<Generation[][]> {
  const run = await decoder.start(prefixes, {
    rows: beams,
    maxTokens,
    top: beams,
    temperature: temperature ?? 1,
  });
  const searches = topOf(run.first).map((first) => createBeamSearch({ beams, maxTokens, stopToken }, first));
  while (searches.some((search) => !search.done)) {
    const next = topOf(await run.advance(searches.map((search) => search.continuations)));
    for (const [g, search] of searches.entries()) if (!search.done) search.advance(next[g]!);
  }
  return searches.map((search) => search.results());
}

async function sample(
  decoder: Decoder,
  prefixes: readonly NdArray[],
  options: GenerateOptions & { maxTokens: number },
): Promise<Generation[][]> {
  const { beams: rows = 1, maxTokens, temperature = 1, stopToken, topK, topP, seed = 0 } = options;
  const limits = { ...(topK === undefined ? {} : { topK }), ...(topP === undefined ? {} : { topP }) };
  const run = await decoder.start(prefixes, { rows, maxTokens, temperature });
  // Each text draws from its own stream, so the texts of one prefix do not depend on what else is decoded.
  const texts = prefixes.map((_, g) =>
    Array.from({ length: rows }, (_, r) => ({
      rng: createRng(seed).fork(`${g}/${r}`),
      ids: [] as number[],
      logProb: 0,
      stopped: false,
    })),
  );

  let distributions = logProbsOf(run.first);
  for (let step = 0; step < maxTokens; step++) {
    for (const [g, group] of texts.entries())
      for (const [r, text] of group.entries()) {
        if (text.stopped) continue;
        const logProbs = distributions[g]![step === 0 ? 0 : r]!;
        const token = sampleToken(logProbs, text.rng, limits);
        text.ids.push(token);
        text.logProb += logProbs[token]!;
        text.stopped = token === stopToken;
      }
    if (step === maxTokens - 1 || texts.flat().every((text) => text.stopped)) break;
    const continuations = texts.map((group) =>
      group.map(({ ids }, parent) => ({ parent: step === 0 ? 0 : parent, token: ids.at(-1)! })),
    );
    distributions = logProbsOf(await run.advance(continuations));
  }
  return texts.map((group) =>
    group
      .map(({ ids, logProb, stopped }): Generation => ({ ids, score: logProb / ids.length, stopped }))
      .sort((a, b) => b.score - a.score),
  );
}

function topOf(distributions: Distributions): TopTokens[] {
  return 'top' in distributions ? distributions.top : [];
}

function logProbsOf(distributions: Distributions): Float32Array[][] {
  return 'logProbs' in distributions ? distributions.logProbs : [];
}
