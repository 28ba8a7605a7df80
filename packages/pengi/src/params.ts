import { audioEncoderSpec, textEncoderSpec } from '@pengi/clap';
import { gpt2Spec } from '@pengi/gpt2';
import type { ParamsOf } from '@pengi/nn';
import { mapperSpec } from '@pengi/prefix-mapper';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { PengiConfig } from './config.js';

/** The parameters of Pengi under the names of the released checkpoints. */
export function pengiSpec(config: PengiConfig) {
  return {
    audio_encoder: audioEncoderSpec(config.audio, config.embedding),
    ...(config.text ? { caption_encoder: textEncoderSpec(config.text, config.embedding) } : {}),
    caption_decoder: {
      gpt: { transformer: gpt2Spec(config.gpt2) },
      audio_project: mapperSpec(config.audioMapper),
      text_project: mapperSpec(config.promptMapper),
    },
  };
}

export type PengiParams<Leaf = Tensor> = ParamsOf<ReturnType<typeof pengiSpec>, Leaf>;

/** What the reference freezes: the language model and CLIP's tower, but not the projections above it (compatibility). */
export const FROZEN_IN_TRAINING = ['caption_encoder.base', 'caption_decoder.gpt'];
