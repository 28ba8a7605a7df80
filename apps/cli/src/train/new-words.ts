/** Small models know the words of their training texts only; going on with one on other data teaches it theirs. */
import {
  type ClapConfig,
  type ClapParams,
  type ClipTextConfig,
  clapSpec,
  collectClipIds,
  createClipTokenizer,
} from '@pengi/clap';
import { flatten, type NdArray, ndarray, PengiError, rebuildTree, type Tree } from '@pengi/core';
import { collectIds, createGpt2Tokenizer, type Gpt2Config, type Gpt2Params, gpt2Spec } from '@pengi/gpt2';
import { initParams } from '@pengi/nn';
import { type PengiConfig, type PengiParams, pengiSpec } from 'pengi';
import { type DataTexts, towerTexts } from './models.js';

interface Model<Config, Params> {
  readonly config: Config;
  readonly params: Params;
}

/** A model that knows the words of the data, too. */
export interface Taught<Config, Params> extends Model<Config, Params> {
  /** Tokens that are new to it. Their embeddings have initial values. */
  readonly added: number;
  /** Paths of the embeddings that have new rows: they are to learn, whatever else is frozen. */
  readonly learnt: readonly string[];
}

const TEXT_TABLE = 'caption_encoder.base.embeddings.token_embedding.weight';
const LANGUAGE_TABLE = 'wte.weight';

/** @param seed of the initial values */
export function taughtClap(
  { config, params }: Model<ClapConfig, ClapParams<NdArray>>,
  texts: DataTexts,
  seed: number,
): Taught<ClapConfig, ClapParams<NdArray>> {
  const text = extendedText(config.text, texts);
  const own = { ...config, text: text.config };
  return taught(own, params, initParams(clapSpec(own), seed), { [TEXT_TABLE]: text });
}

export function taughtLanguage(
  { config, params }: Model<Gpt2Config, Gpt2Params<NdArray>>,
  { answers }: DataTexts,
  seed: number,
): Taught<Gpt2Config, Gpt2Params<NdArray>> {
  const language = extendedLanguage(config, answers);
  const fresh = initParams(gpt2Spec(language.config), seed);
  return taught(language.config, params, fresh, { [LANGUAGE_TABLE]: language });
}

export function taughtPengi(
  { config, params }: Model<PengiConfig, PengiParams<NdArray>>,
  texts: DataTexts,
  seed: number,
): Taught<PengiConfig, PengiParams<NdArray>> {
  const text = config.text && extendedText(config.text, texts);
  // Without a text tower, the language model's own embeddings of the prompt are mapped.
  const said = text ? texts.answers : [...texts.answers, ...texts.prompts];
  const language = extendedLanguage(config.gpt2, said);
  const own: PengiConfig = { ...config, text: text?.config ?? null, gpt2: language.config };
  return taught(own, params, initParams(pengiSpec(own), seed), {
    ...(text && { [TEXT_TABLE]: text }),
    [`caption_decoder.gpt.transformer.${LANGUAGE_TABLE}`]: language,
  });
}

/** A vocabulary with more tokens. */
interface Extended<Config> {
  readonly config: Config;
  readonly added: number;
  /** A table with the rows of `old` where its tokens are now, and those of `fresh` for the others. */
  merged(fresh: NdArray, old: NdArray): NdArray;
}

function taught<Config, Params>(
  config: Config,
  params: Params,
  fresh: Params,
  tables: Readonly<Record<string, Extended<unknown>>>,
): Taught<Config, Params> {
  const grown = Object.entries(tables).filter(([, { added }]) => added > 0);
  const [before, initial] = [params, fresh].map((tree) => flatten(tree as Tree<NdArray>)) as [
    Record<string, NdArray>,
    Record<string, NdArray>,
  ];
  const arrayAt = (path: string) => {
    const [old, created] = [before[path], initial[path]];
    if (!old || !created) throw new PengiError('E_WEIGHTS', `no value for the parameter ${path}`);
    return grown.some(([table]) => table === path) ? tables[path]!.merged(created, old) : old;
  };
  return {
    config,
    params: grown.length === 0 ? params : rebuildTree<Params>(fresh, arrayAt),
    added: grown.reduce((sum, [, { added }]) => sum + added, 0),
    learnt: grown.map(([path]) => path),
  };
}

function extendedText(config: ClipTextConfig, texts: DataTexts): Extended<ClipTextConfig> {
  return extended(config, () => collectClipIds(createClipTokenizer(), towerTexts(texts)));
}

function extendedLanguage(config: Gpt2Config, texts: readonly string[]): Extended<Gpt2Config> {
  const { splitDigits } = config;
  return extended(config, () =>
    collectIds(createGpt2Tokenizer({ padQuirk: true, ...(splitDigits && { splitDigits }) }), texts),
  );
}

function extended<C extends { readonly keptIds: readonly number[] | null; readonly vocabularySize: number }>(
  config: C,
  idsOf: () => readonly number[],
): Extended<C> {
  const { keptIds: known } = config;
  // Whole vocabularies lack nothing.
  if (known === null) return { config, added: 0, merged: (_, old) => old };
  const kept = [...new Set([...known, ...idsOf()])].sort((a, b) => a - b);
  const places = new Map(kept.map((id, place) => [id, place]));
  return {
    config: { ...config, keptIds: kept, vocabularySize: kept.length },
    added: kept.length - known.length,
    merged(fresh, old) {
      const data = Float32Array.from(fresh.data as Float32Array);
      const width = old.shape[1] as number;
      known.forEach((id, row) => {
        const values = (old.data as Float32Array).subarray(row * width, (row + 1) * width);
        data.set(values, (places.get(id) as number) * width);
      });
      return ndarray('float32', fresh.shape, data);
    },
  };
}
