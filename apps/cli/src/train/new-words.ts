/** Small models know the words of their training texts only; going on with one on other data teaches it theirs. */
import { type ClipTextConfig, collectClipIds, createClipTokenizer } from '@pengi/clap';
import { type NdArray, ndarray } from '@pengi/core';
import { collectIds, createGpt2Tokenizer, type Gpt2Config } from '@pengi/gpt2';
import { initParams } from '@pengi/nn';
import { type PengiConfig, type PengiParams, pengiSpec } from 'pengi';

interface Embedding {
  weight: NdArray;
}

/** A whole model, before and after. */
export interface PengiModel {
  readonly config: PengiConfig;
  readonly params: PengiParams<NdArray>;
}

/**
 * A Pengi that knows the words of the texts, too, and how many tokens were new to it. What is new has initial values.
 * @param seed of these
 */
export function taughtWords(
  { config, params }: PengiModel,
  { prompts, answers }: { prompts: readonly string[]; answers: readonly string[] },
  seed: number,
): PengiModel & { readonly added: number } {
  const text = config.text && extendedText(config.text, [...prompts, ...answers]);
  const language = extendedLanguage(config.gpt2, answers);
  const added = language.added + (text?.added ?? 0);
  if (added === 0) return { config, params, added };
  const taught: PengiConfig = { ...config, text: text?.config ?? null, gpt2: language.config };
  const fresh: PengiParams<NdArray> = initParams(pengiSpec(taught), seed);
  const { transformer } = params.caption_decoder.gpt;
  params.caption_decoder.gpt.transformer = {
    ...transformer,
    wte: language.into(fresh.caption_decoder.gpt.transformer.wte, transformer.wte),
  };
  if (text && params.caption_encoder && fresh.caption_encoder) {
    const { embeddings } = params.caption_encoder.base;
    embeddings.token_embedding = text.into(
      fresh.caption_encoder.base.embeddings.token_embedding,
      embeddings.token_embedding,
    );
  }
  return { config: taught, params, added };
}

/** A part of a model that has learnt to read more: its config, and how many tokens are new. */
export interface Extended<Config> {
  readonly config: Config;
  readonly added: number;
  /** Puts a table of the old vocabulary's rows into one of the new vocabulary's, whose other rows stay. */
  into(fresh: Embedding, old: Embedding): Embedding;
}

/** A text tower that knows the words of `texts`, too. */
export function extendedText(config: ClipTextConfig, texts: Iterable<string>): Extended<ClipTextConfig> {
  return extended(config, () => collectClipIds(createClipTokenizer(), texts));
}

/** A language model that knows the words of `texts`, too. */
export function extendedLanguage(config: Gpt2Config, texts: Iterable<string>): Extended<Gpt2Config> {
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
  const kept = known === null ? [] : [...new Set([...known, ...idsOf()])].sort((a, b) => a - b);
  const added = known === null ? 0 : kept.length - known.length;
  if (known === null || added === 0) return { config, added: 0, into: (_, old) => old };
  const places = new Map(kept.map((id, place) => [id, place]));
  return {
    config: { ...config, keptIds: kept, vocabularySize: kept.length },
    added,
    into({ weight: fresh }, { weight: old }) {
      const data = Float32Array.from(fresh.data as Float32Array);
      const width = old.shape[1] as number;
      known.forEach((id, row) => {
        const values = (old.data as Float32Array).subarray(row * width, (row + 1) * width);
        data.set(values, (places.get(id) as number) * width);
      });
      return { weight: ndarray('float32', fresh.shape, data) };
    },
  };
}
