import { type HtsatConfig, htsatSizes } from '@pengi/htsat';
import {
  buffer,
  constantInit,
  embeddingSpec,
  type LinearOptions,
  layerNormSpec,
  linearNoBiasSpec,
  linearSpec,
  normalInit,
  onesInit,
  type ParamsOf,
  param,
  times,
  zerosInit,
} from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { RobertaConfig, TransformersClapConfig } from './config.js';

/** What Transformers starts all linear layers from. */
const INIT: LinearOptions = { weight: normalInit(0.02), bias: zerosInit };

/** The parameters of Transformers' `ClapModel` without fusion, under its names. */
export function transformersClapSpec({ audio, text, embedding }: TransformersClapConfig) {
  return {
    /** The exponentials multiply the cosines, of audio with texts and of texts with audio. */
    logit_scale_a: param([], constantInit(Math.log(1 / 0.07))),
    logit_scale_t: param([], constantInit(Math.log(1 / 0.07))),
    audio_model: { audio_encoder: audioSpec(audio) },
    audio_projection: projectionSpec(htsatSizes(audio).latent, embedding),
    text_model: robertaSpec(text),
    text_projection: projectionSpec(text.width, embedding),
  };
}

/** HTSAT without its token-semantic head. */
function audioSpec(config: HtsatConfig) {
  const { stages, latent } = htsatSizes(config);
  const { mels, patchSize, embedDim, mlpRatio } = config;
  return {
    batch_norm: {
      weight: param([mels], onesInit),
      bias: param([mels], zerosInit),
      running_mean: buffer([mels], zerosInit),
      running_var: buffer([mels], onesInit),
    },
    patch_embed: {
      proj: {
        weight: param([embedDim, 1, patchSize, patchSize], normalInit(0.02)),
        bias: param([embedDim], zerosInit),
      },
      norm: layerNormSpec(embedDim),
    },
    layers: stages.map(({ channels, window, depth, heads }, i) => ({
      blocks: times(depth, () => blockSpec(channels, heads, window, Math.trunc(channels * mlpRatio))),
      ...(i < stages.length - 1 ? { downsample: downsampleSpec(channels) } : {}),
    })),
    norm: layerNormSpec(latent),
  };
}

function blockSpec(channels: number, heads: number, window: number, hidden: number) {
  return {
    layernorm_before: layerNormSpec(channels),
    attention: {
      self: {
        relative_position_bias_table: param([(2 * window - 1) ** 2, heads], zerosInit),
        query: linearSpec(channels, channels, INIT),
        key: linearSpec(channels, channels, INIT),
        value: linearSpec(channels, channels, INIT),
      },
      output: { dense: linearSpec(channels, channels, INIT) },
    },
    layernorm_after: layerNormSpec(channels),
    intermediate: { dense: linearSpec(channels, hidden, INIT) },
    output: { dense: linearSpec(hidden, channels, INIT) },
  };
}

function downsampleSpec(channels: number) {
  return {
    reduction: linearNoBiasSpec(4 * channels, 2 * channels, INIT),
    norm: layerNormSpec(4 * channels),
  };
}

/** RoBERTa with its pooler. */
export function robertaSpec({ vocabularySize, positions, tokenTypes, width, hidden, layers }: RobertaConfig) {
  return {
    embeddings: {
      word_embeddings: embeddingSpec(vocabularySize, width),
      position_embeddings: embeddingSpec(positions, width),
      token_type_embeddings: embeddingSpec(tokenTypes, width),
      LayerNorm: layerNormSpec(width),
    },
    encoder: {
      layer: times(layers, () => ({
        attention: {
          self: {
            query: linearSpec(width, width, INIT),
            key: linearSpec(width, width, INIT),
            value: linearSpec(width, width, INIT),
          },
          output: { dense: linearSpec(width, width, INIT), LayerNorm: layerNormSpec(width) },
        },
        intermediate: { dense: linearSpec(width, hidden, INIT) },
        output: { dense: linearSpec(hidden, width, INIT), LayerNorm: layerNormSpec(width) },
      })),
    },
    pooler: { dense: linearSpec(width, width, INIT) },
  };
}

function projectionSpec(inputs: number, outputs: number) {
  return { linear1: linearSpec(inputs, outputs, INIT), linear2: linearSpec(outputs, outputs, INIT) };
}

export type TransformersClapParams<Leaf = Tensor> = ParamsOf<ReturnType<typeof transformersClapSpec>, Leaf>;
export type TransformersAudioParams<Leaf = Tensor> = ParamsOf<ReturnType<typeof audioSpec>, Leaf>;
export type RobertaParams<Leaf = Tensor> = ParamsOf<ReturnType<typeof robertaSpec>, Leaf>;
export type RobertaLayerParams = RobertaParams['encoder']['layer'][number];
export type ReluProjectionParams = ParamsOf<ReturnType<typeof projectionSpec>>;
