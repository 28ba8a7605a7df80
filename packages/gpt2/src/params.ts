import { validate } from '@pengi/core';
import { conv1dSpec, embeddingSpec, layerNormSpec, type ParamsOf, times } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import { type Gpt2Config, gpt2ConfigSchema } from './config.js';

/** GPT-2's initial standard deviation. */
const STD = 0.02;

/**
 * The parameters of GPT-2 under the names of the released checkpoints (there below `transformer.`). The output layer
 * `lm_head.weight` is `wte.weight`.
 * @throws PengiError E_CONFIG
 */
export function gpt2Spec(config: Gpt2Config) {
  const { vocabularySize, positions, width, layers } = validate(gpt2ConfigSchema, config);
  // Layers that add to the residual start smaller, so that its variance does not grow with depth.
  const residualStd = STD / Math.sqrt(2 * layers);
  return {
    wte: embeddingSpec(vocabularySize, width),
    wpe: embeddingSpec(positions, width),
    h: times(layers, () => ({
      ln_1: layerNormSpec(width),
      attn: { c_attn: conv1dSpec(width, 3 * width, STD), c_proj: conv1dSpec(width, width, residualStd) },
      ln_2: layerNormSpec(width),
      mlp: { c_fc: conv1dSpec(width, 4 * width, STD), c_proj: conv1dSpec(4 * width, width, residualStd) },
    })),
    ln_f: layerNormSpec(width),
  };
}

export type Gpt2Params<Leaf = Tensor> = ParamsOf<ReturnType<typeof gpt2Spec>, Leaf>;
export type Gpt2BlockParams = Gpt2Params['h'][number];
