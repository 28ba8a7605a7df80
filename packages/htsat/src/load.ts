import { mergeParameters, openModelFolder, type TensorSource } from '@pengi/checkpoint';
import { type NdArray, validate } from '@pengi/core';
import { defaultEngine, type Engine } from '@pengi/jit';
import type { Tensor } from '@tensorflow/tfjs-core';
import { type HtsatConfig, htsatConfigSchema } from './config.js';
import { type HtsatOutput, htsat } from './model.js';
import { type HtsatParams, htsatSpec } from './params.js';

/**
 * Tensors of HTSAT checkpoints that are no parameters: constants of the model, and kernels that
 * the audio front end takes from there.
 */
export const HTSAT_CONSTANTS = [
  'spectrogram_extractor',
  'logmel_extractor',
  'bn0.num_batches_tracked',
  'layers.*.blocks.*.attn_mask',
  'layers.*.blocks.*.attn.relative_position_index',
];

/**
 * HTSAT's parameters out of a file where they lie below `prefix` (`audio_encoder.base.htsat.` in Pengi and msclap).
 * @throws PengiError E_WEIGHTS that lists what is missing, extra or of another shape, E_CONFIG
 */
export function htsatParams(
  source: TensorSource | Readonly<Record<string, NdArray>>,
  config: HtsatConfig,
  prefix = '',
): HtsatParams<NdArray> {
  return mergeParameters(htsatSpec(config), source, {
    rename: (name) => (name.startsWith(prefix) ? name.slice(prefix.length) : null),
    ignore: HTSAT_CONSTANTS,
    where: 'this htsat config',
  });
}

/** An audio encoder that runs: log-mels in, latents and class probabilities out. */
export interface Htsat {
  readonly config: HtsatConfig;
  /**
   * See `HtsatOutput`.
   * @param logMel [B, T, mels], dB
   * @throws PengiError E_SHAPE
   */
  encode(logMel: NdArray<'float32'>): Promise<{ latent: NdArray; clipwise: NdArray; framewise: NdArray }>;
  dispose(): Promise<void>;
}

export function createHtsat(params: HtsatParams<NdArray>, config: HtsatConfig, engine: Engine): Htsat {
  const program = engine.compile(
    (p: HtsatParams, logMel: Tensor): HtsatOutput => htsat(p, logMel, config),
    params,
    { name: 'htsat' },
  );
  return { config, encode: (logMel) => program.run(logMel), dispose: () => program.dispose() };
}

/**
 * Loads a model folder that holds HTSAT alone.
 * @throws PengiError E_NOT_FOUND, E_CHECKPOINT, E_CONFIG, E_WEIGHTS
 */
export async function loadHtsat(dir: string, { engine }: { engine?: Engine } = {}): Promise<Htsat> {
  const folder = await openModelFolder(dir);
  const config = validate(htsatConfigSchema, folder.config, { file: dir });
  return createHtsat(htsatParams(folder.file, config), config, engine ?? (await defaultEngine()));
}
