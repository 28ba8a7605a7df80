import { gpt2Spec } from '@pengi/gpt2';
import { type HtsatConfig, htsatSizes, htsatSpec } from '@pengi/htsat';
import {
  constantInit,
  embeddingSpec,
  layerNormSpec,
  linearNoBiasSpec,
  linearSpec,
  normalInit,
  type ParamsOf,
  param,
  times,
  xavierUniformInit,
  zerosInit,
} from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { ClapConfig, ClipTextConfig, Gpt2TextConfig, MsclapConfig } from './config.js';

/**
 * The parameters of CLAP: `audio_encoder` and `logit_scale` under the names of msclap's checkpoints, the text tower under
 * those of Pengi's.
 */
export function clapSpec({ audio, text, embedding }: ClapConfig) {
  return {
    logit_scale: logitScaleSpec(),
    audio_encoder: audioEncoderSpec(audio, embedding),
    caption_encoder: textEncoderSpec(text, embedding),
  };
}

/** Its exponential multiplies the cosines; trained, starting as in msclap and CLIP. */
function logitScaleSpec() {
  return param([], constantInit(Math.log(1 / 0.07)));
}

/** The parameters of msclap 2023 under its checkpoint's names. */
export function msclapSpec({ audio, text, embedding }: MsclapConfig) {
  return {
    logit_scale: logitScaleSpec(),
    audio_encoder: audioEncoderSpec(audio, embedding),
    caption_encoder: gpt2TextEncoderSpec(text, embedding),
  };
}

/** GPT-2 with a projection: `caption_encoder` of msclap 2023. */
export function gpt2TextEncoderSpec({ gpt2 }: Gpt2TextConfig, embedding: number) {
  return { base: gpt2Spec(gpt2), projection: projectionSpec(gpt2.width, embedding) };
}

/** HTSAT with its projection: `audio_encoder` of Pengi and of msclap. */
export function audioEncoderSpec(htsat: HtsatConfig, embedding: number) {
  return {
    base: { htsat: htsatSpec(htsat) },
    projection: projectionSpec(htsatSizes(htsat).latent, embedding),
  };
}

/** CLIP's text tower with its projection and ours: `caption_encoder` of Pengi. */
export function textEncoderSpec(text: ClipTextConfig, embedding: number) {
  return {
    base: clipTextSpec(text),
    clip_text_projection: linearNoBiasSpec(text.width, text.projection, {
      weight: normalInit(text.width ** -0.5),
    }),
    projection: projectionSpec(text.projection, embedding),
  };
}

/** CLIP's text tower as transformers names it, below `text_model.` there; initial values as there. */
export function clipTextSpec({ vocabularySize, positions, width, hidden, layers }: ClipTextConfig) {
  const inward = { weight: normalInit(width ** -0.5 * (2 * layers) ** -0.5), bias: zerosInit };
  const outward = { weight: normalInit(width ** -0.5), bias: zerosInit };
  return {
    embeddings: {
      token_embedding: embeddingSpec(vocabularySize, width),
      position_embedding: embeddingSpec(positions, width),
    },
    encoder: {
      layers: times(layers, () => ({
        self_attn: {
          k_proj: linearSpec(width, width, inward),
          v_proj: linearSpec(width, width, inward),
          q_proj: linearSpec(width, width, inward),
          out_proj: linearSpec(width, width, outward),
        },
        layer_norm1: layerNormSpec(width),
        mlp: {
          fc1: linearSpec(width, hidden, { weight: normalInit((2 * width) ** -0.5), bias: zerosInit }),
          fc2: linearSpec(hidden, width, inward),
        },
        layer_norm2: layerNormSpec(width),
      })),
    },
    final_layer_norm: layerNormSpec(width),
  };
}

function projectionSpec(inputs: number, outputs: number) {
  const init = { weight: xavierUniformInit };
  return {
    linear1: linearNoBiasSpec(inputs, outputs, init),
    linear2: linearNoBiasSpec(outputs, outputs, init),
    layer_norm: layerNormSpec(outputs),
  };
}

export type ClapParams<Leaf = Tensor> = ParamsOf<ReturnType<typeof clapSpec>, Leaf>;
export type MsclapParams<Leaf = Tensor> = ParamsOf<ReturnType<typeof msclapSpec>, Leaf>;
export type Gpt2TextEncoderParams<Leaf = Tensor> = ParamsOf<ReturnType<typeof gpt2TextEncoderSpec>, Leaf>;
export type AudioEncoderParams<Leaf = Tensor> = ParamsOf<ReturnType<typeof audioEncoderSpec>, Leaf>;
export type TextEncoderParams<Leaf = Tensor> = ParamsOf<ReturnType<typeof textEncoderSpec>, Leaf>;
export type ClipTextParams<Leaf = Tensor> = ParamsOf<ReturnType<typeof clipTextSpec>, Leaf>;
export type ClipLayerParams = ClipTextParams['encoder']['layers'][number];
export type ProjectionParams = ParamsOf<ReturnType<typeof projectionSpec>>;
