/** What the training stages have in common besides their losses: frozen parts, adapters, statistics of the input. */
import { leaves, type NdArray, type Tree } from '@pengi/core';
import { batchNormStatistics, batchNormSums, type HtsatParams } from '@pengi/htsat';
import type { Arrays } from '@pengi/jit';
import { addLora, LORA_TRAINED, type LoraOptions, mergeLora, type ParamSpec } from '@pengi/nn';
import type { TrainTask } from '@pengi/train';
import type { Tensor } from '@tensorflow/tfjs-core';

export interface TaskOptions {
  /** Patterns of the parameters that stay as they are; each task has a default. Buffers always stay. */
  frozen?: readonly string[];
  /**
   * Low-rank adapters: the linear layers that `targets` match stay as they are, whatever else is frozen, and what is added to
   * them is learnt. Evaluations and the result have it merged into the weights. `seed` is that of the adapters' initial values.
   */
  lora?: LoraOptions & { readonly seed?: number };
}

export interface AudioTaskOptions extends TaskOptions {
  /** Default true, as the reference whenever it trains. */
  specAugment?: boolean;
  /**
   * What normalises the log-mels in training: the running statistics, which stay as they are (default; those of a pretrained
   * encoder, or of the data), or those of each batch, whatever parts it is divided into, which the running ones follow as in
   * torch.
   */
  batchNorm?: 'running' | 'batch';
}

/** The token-semantic head: part of HTSAT, reached by none of the losses. */
export const UNREACHED = ['**.tscam_conv', '**.head'];

/** The members of a task that adapters decide. */
export function adapted<P>(
  params: P & Tree<NdArray>,
  spec: Tree<ParamSpec>,
  lora: TaskOptions['lora'],
): { params: Arrays<P>; frozen: string[] } & Pick<TrainTask<P, unknown>, 'trained' | 'plain'> {
  if (!lora) return { params: params as Arrays<P>, frozen: [] };
  const except = [...(lora.except ?? []), ...UNREACHED];
  const added = addLora(params, spec, { ...lora, except }, lora.seed ?? 0);
  const paths = leaves(added as Tree<NdArray>).map(([path]) => path);
  return {
    params: added as Arrays<P>,
    frozen: paths.filter((path) => path.endsWith(ADAPTER)).map((path) => path.slice(0, -ADAPTER.length)),
    trained: LORA_TRAINED,
    plain: (trained) => mergeLora(trained as P & Tree<NdArray>, spec) as Arrays<P>,
  };
}

const ADAPTER = '.lora.a';

/** Where the statistics of the input lie in all models. */
const BN0 = 'audio_encoder.base.htsat.bn0';

/** The member `statistics` of a task whose input is normalised with those of the batch. */
export function inputStatistics<
  P extends { audio_encoder: { base: { htsat: Pick<HtsatParams, 'bn0'> } } },
  B extends { logMel: Tensor },
>(batchNorm: AudioTaskOptions['batchNorm']): Pick<TrainTask<P, B>, 'statistics'> {
  if (batchNorm !== 'batch') return {};
  const byPath = (bn0: Record<string, Tensor>) =>
    Object.fromEntries(Object.entries(bn0).map(([name, value]) => [`${BN0}.${name}`, value]));
  return {
    statistics: {
      buffers: [`${BN0}.running_mean`, `${BN0}.running_var`],
      sums: (p, { logMel }) => ({ ...batchNormSums(p.audio_encoder.base.htsat.bn0, logMel) }),
      apply(p, { count, sum, squares }) {
        const sums = { count: count!, sum: sum!, squares: squares! };
        const { seen, next } = batchNormStatistics(p.audio_encoder.base.htsat.bn0, sums);
        return { seen: byPath({ ...seen }), next: byPath({ ...next }) };
      },
    },
  };
}
