import { validate } from '@pengi/core';
import {
  layerNormSpec,
  linearNoBiasSpec,
  linearSpec,
  normalInit,
  type ParamsOf,
  param,
  times,
} from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import {
  type MapperConfig,
  type MlpMapperConfig,
  mapperConfigSchema,
  type SequenceMapperConfig,
  type TransformerMapperConfig,
} from './config.js';

/**
 * Parameters of a mapper under the names of the released checkpoints (there below `caption_decoder.*_project.`).
 * @throws PengiError E_CONFIG
 */
export function mapperSpec(config: MapperConfig): MapperSpec {
  validate(mapperConfigSchema, config);
  switch (config.kind) {
    case 'mlp':
      return mlpSpec(config);
    case 'transformer':
      return transformerSpec(config);
    case 'sequence':
      return sequenceSpec(config);
  }
}

/** Written out, as an inferred union would drop the transformer's, which has all that the sequence's has. */
type MapperSpec =
  | ReturnType<typeof mlpSpec>
  | ReturnType<typeof transformerSpec>
  | ReturnType<typeof sequenceSpec>;

export type MapperParams<Leaf = Tensor> = ParamsOf<MapperSpec, Leaf>;
export type MlpParams = ParamsOf<ReturnType<typeof mlpSpec>>;
export type TransformerParams = ParamsOf<ReturnType<typeof transformerSpec>>;
export type SequenceParams = ParamsOf<ReturnType<typeof sequenceSpec>>;
export type LayerParams = SequenceParams['transformer']['layers'][number];

function mlpSpec({ inputs, hidden, width, prefixLength }: MlpMapperConfig) {
  // torch numbers the members of nn.Sequential; 1 is the tanh.
  return { model: { 0: linearSpec(inputs, hidden), 2: linearSpec(hidden, width * prefixLength) } };
}

function transformerSpec(config: TransformerMapperConfig) {
  return {
    ...sequenceSpec(config),
    linear: linearSpec(config.inputs, config.inputLength * config.width),
  };
}

function sequenceSpec({ width, prefixLength, layers, mlpRatio }: Omit<SequenceMapperConfig, 'kind'>) {
  const hidden = Math.trunc(width * mlpRatio);
  return {
    prefix_const: param([prefixLength, width], normalInit(1)),
    transformer: {
      layers: times(layers, () => ({
        norm1: layerNormSpec(width),
        attn: {
          to_queries: linearNoBiasSpec(width, width),
          to_keys_values: linearNoBiasSpec(width, 2 * width),
          project: linearSpec(width, width),
        },
        norm2: layerNormSpec(width),
        mlp: { fc1: linearSpec(width, hidden), fc2: linearSpec(hidden, width) },
      })),
    },
  };
}
