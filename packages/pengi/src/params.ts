import { audioEncoderSpec, textEncoderSpec } from '@pengi/clap';
import { gpt2Spec } from '@pengi/gpt2';
import type { ParamsOf } from '@pengi/nn';
import { mapperSpec } from '@pengi/prefix-mapper';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { PengiConfig } from './config.js';

/**
 * The parameters of Pengi under the names of the released checkpoints.
 * @throws PengiError E_CONFIG for a part that cannot be
 */
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

/**
 * What training leaves as it is: the language model and CLIP's tower (section 3.1), but not the projections above the
 * tower, which the reference trains, too.
 */
export const FROZEN_IN_TRAINING = ['caption_encoder.base', 'caption_decoder.gpt'];

/** The patterns of `FROZEN_IN_TRAINING` that a model of this config has parameters for. */
export function frozenInTraining({ text }: Pick<PengiConfig, 'text'>): string[] {
  return text ? FROZEN_IN_TRAINING : FROZEN_IN_TRAINING.filter((path) => !path.startsWith('caption_encoder'));
}

/** The patterns of everything but the mappers, which alone learn then: fast, and little to overfit. */
export function frozenButMappers({ text }: Pick<PengiConfig, 'text'>): string[] {
  return ['audio_encoder', ...(text ? ['caption_encoder'] : []), 'caption_decoder.gpt'];
}
