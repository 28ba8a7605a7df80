import { mergeParameters, type TensorSource } from '@pengi/checkpoint';
import { audioEncoderSpec } from '@pengi/clap';
import type { NdArray } from '@pengi/core';
import { gpt2Spec } from '@pengi/gpt2';
import { HTSAT_CONSTANTS } from '@pengi/htsat';
import type { ParamsOf } from '@pengi/nn';
import { mapperSpec } from '@pengi/prefix-mapper';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { ClapcapConfig } from './config.js';

/** Where HTSAT lies in a clapcap checkpoint. */
export const CLAPCAP_HTSAT_PREFIX = 'clap.base.htsat.';

/** Tensors of the released checkpoint that are no parameters. */
const CONSTANTS = [
  ...HTSAT_CONSTANTS.map((pattern) => CLAPCAP_HTSAT_PREFIX + pattern),
  'gpt.transformer.h.*.attn.bias',
  'gpt.transformer.h.*.attn.masked_bias',
];

/**
 * The parameters of clapcap under its checkpoint's names: `clap` is the whole audio tower (HTSAT as `base.htsat` and the
 * projection, as in the other checkpoints of msclap), `clap_project` the mapper.
 * @throws PengiError E_CONFIG for a part that cannot be
 */
export function clapcapSpec({ audio, embedding, mapper, gpt2 }: ClapcapConfig) {
  return {
    clap: audioEncoderSpec(audio, embedding),
    clap_project: mapperSpec(mapper),
    gpt: { transformer: gpt2Spec(gpt2) },
  };
}

export type ClapcapParams<Leaf = Tensor> = ParamsOf<ReturnType<typeof clapcapSpec>, Leaf>;

/**
 * Clapcap's parameters out of a file, or out of arrays by name. The output layer may be there beside the embedding or
 * instead of it.
 * @throws PengiError E_WEIGHTS that lists what is missing, extra or of another shape, E_CONFIG
 */
export function clapcapParams(
  source: TensorSource | Readonly<Record<string, NdArray>>,
  config: ClapcapConfig,
): ClapcapParams<NdArray> {
  return mergeParameters(clapcapSpec(config), source, {
    ignore: CONSTANTS,
    ties: { 'gpt.lm_head.weight': 'gpt.transformer.wte.weight' },
    where: 'this clapcap config',
  });
}
