/** The configs of these packages for the words in which manifests describe a model. */
import type { Gpt2Config } from '@pengi/gpt2';
import type { HtsatConfig } from '@pengi/htsat';

// biome-ignore lint/suspicious/noExplicitAny: see Manifest.config
export function gpt2ConfigOf(config: any): Gpt2Config {
  return {
    vocabularySize: config.vocab_size ?? config.vocab,
    positions: config.n_positions,
    width: config.n_embd,
    layers: config.n_layer,
    heads: config.n_head,
    dropout: 0.1,
  };
}

/** Manifests describe a full HTSAT with the reference's names, and small ones with short names. */
// biome-ignore lint/suspicious/noExplicitAny: see Manifest.config
export function htsatConfigOf(config: any): HtsatConfig {
  return {
    specSize: config.spec_size ?? config.spec,
    mels: config.mel_bins ?? config.mels,
    patchSize: config.patch_size ?? config.patch,
    embedDim: config.embed_dim ?? config.embed,
    depths: config.depths,
    heads: config.num_heads ?? config.heads,
    windowSize: config.window_size ?? config.window,
    mlpRatio: config.mlp_ratio ?? 4,
    classes: config.classes,
    positionEmbedding: null,
    dropPath: 0.1,
  };
}
