import {
  buffer,
  layerNormSpec,
  linearNoBiasSpec,
  linearSpec,
  onesInit,
  type ParamSpec,
  type ParamsOf,
  param,
  SWIN_LINEAR,
  times,
  torchLinearInit,
  truncatedNormalInit,
  uniformInit,
  zerosInit,
} from '@pengi/nn';
import { type HtsatConfig, htsatSizes } from './config.js';

/**
 * The parameters of HTSAT under the names of the released checkpoints (there below `audio_encoder.base.htsat.`).
 * @throws PengiError E_CONFIG when sizes do not divide each other
 */
export function htsatSpec(config: HtsatConfig) {
  const { grid, stages, latent, lastSide, pieces } = htsatSizes(config);
  const patch = config.patchSize;
  const tscamRows = lastSide / pieces;
  return {
    bn0: {
      weight: param([config.mels], onesInit),
      bias: param([config.mels], zerosInit),
      running_mean: buffer([config.mels], zerosInit),
      running_var: buffer([config.mels], onesInit),
    },
    ...positionSpec(config, grid),
    patch_embed: {
      proj: convSpec([config.embedDim, 1, patch, patch]),
      norm: layerNormSpec(config.embedDim),
    },
    layers: stages.map(({ channels, window, depth, heads }, i) => ({
      blocks: times(depth, () => blockSpec(channels, heads, window, config.mlpRatio)),
      ...(i < stages.length - 1 ? { downsample: downsampleSpec(channels) } : {}),
    })),
    norm: layerNormSpec(latent),
    tscam_conv: convSpec([config.classes, latent, tscamRows, 3]),
    /** Part of every checkpoint, used by none of the outputs. */
    head: linearSpec(config.classes, config.classes, SWIN_LINEAR),
  };
}

/** Patterns of the matrices that Swin transformers, and so HTSAT, leave out of weight decay. */
export function htsatNoDecay({ positionEmbedding }: Pick<HtsatConfig, 'positionEmbedding'>): string[] {
  return [
    '**.relative_position_bias_table',
    ...(positionEmbedding === null ? [] : ['**.absolute_pos_embed']),
  ];
}

export type HtsatParams<Leaf = import('@tensorflow/tfjs-core').Tensor> = ParamsOf<
  ReturnType<typeof htsatSpec>,
  Leaf
>;
/** Without the token-semantic head and the unused one, which Transformers' checkpoints do not have. */
export type HtsatBodyParams<Leaf = import('@tensorflow/tfjs-core').Tensor> = Omit<
  HtsatParams<Leaf>,
  'tscam_conv' | 'head'
>;
export type StageParams = HtsatParams['layers'][number];
export type BlockParams = StageParams['blocks'][number];

function positionSpec(config: HtsatConfig, grid: number): { absolute_pos_embed?: ParamSpec } {
  if (config.positionEmbedding === null) return {};
  const init = truncatedNormalInit(config.positionEmbedding);
  return { absolute_pos_embed: param([1, grid * grid, config.embedDim], init) };
}

function blockSpec(channels: number, heads: number, window: number, mlpRatio: number) {
  const hidden = Math.trunc(channels * mlpRatio);
  return {
    norm1: layerNormSpec(channels),
    attn: {
      relative_position_bias_table: param([(2 * window - 1) ** 2, heads], truncatedNormalInit(0.02)),
      qkv: linearSpec(channels, 3 * channels, SWIN_LINEAR),
      proj: linearSpec(channels, channels, SWIN_LINEAR),
    },
    norm2: layerNormSpec(channels),
    mlp: {
      fc1: linearSpec(channels, hidden, SWIN_LINEAR),
      fc2: linearSpec(hidden, channels, SWIN_LINEAR),
    },
  };
}

function downsampleSpec(channels: number) {
  return {
    reduction: linearNoBiasSpec(4 * channels, 2 * channels, SWIN_LINEAR),
    norm: layerNormSpec(4 * channels),
  };
}

/** torch `nn.Conv2d`: weight [out, in, rows, columns]. */
function convSpec([outputs, inputs, rows, columns]: [number, number, number, number]) {
  return {
    weight: param([outputs, inputs, rows, columns], torchLinearInit),
    bias: param([outputs], uniformInit(1 / Math.sqrt(inputs * rows * columns))),
  };
}
