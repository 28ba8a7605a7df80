import { createFrontend, type Frontend } from '@pengi/audio-frontend';
import { mergeParameters, openModelFolder, type TensorSource } from '@pengi/checkpoint';
import { type NdArray, PengiError, validate } from '@pengi/core';
import { HTSAT_CONSTANTS } from '@pengi/htsat';
import { defaultEngine, type Engine } from '@pengi/jit';
import { type Clap, createClap } from './clap.js';
import { type ClapConfig, clapConfigSchema } from './config.js';
import { type ClapParams, clapSpec } from './params.js';

/** Where HTSAT lies in a checkpoint of Pengi or msclap. */
export const HTSAT_PREFIX = 'audio_encoder.base.htsat.';

/** Tensors of released checkpoints that are no parameters. */
export const TOWER_CONSTANTS = [
  ...HTSAT_CONSTANTS.map((pattern) => HTSAT_PREFIX + pattern),
  'caption_encoder.base.embeddings.position_ids',
];

const MEL_BANK = `${HTSAT_PREFIX}logmel_extractor.melW`;

/**
 * CLAP's parameters out of a file, or out of arrays by name.
 * @throws PengiError E_WEIGHTS that lists what is missing, extra or of another shape, E_CONFIG
 */
export function clapParams(
  source: TensorSource | Readonly<Record<string, NdArray>>,
  config: ClapConfig,
): ClapParams<NdArray> {
  return mergeParameters(clapSpec(config), source, { ignore: TOWER_CONSTANTS, where: 'this CLAP config' });
}

/**
 * The front end of a model: with the mel bank of its checkpoint where there is one, as the checkpoint's own values are
 * what the encoder was trained with.
 * @throws PengiError E_WEIGHTS for a bank of another size, E_CONFIG
 */
export function frontendOf(config: Pick<ClapConfig, 'frontend'>, source: TensorSource): Frontend {
  if (!source.tensors.has(MEL_BANK)) return createFrontend(config.frontend);
  const melBank = source.array(MEL_BANK);
  const { fftSize, mels } = config.frontend;
  const wanted = `float32 [${fftSize / 2 + 1},${mels}]`;
  const found = `${melBank.dtype} [${melBank.shape}]`;
  if (found !== wanted)
    throw new PengiError('E_WEIGHTS', `${MEL_BANK}: file has ${found}, the front end wants ${wanted}`);
  return createFrontend(config.frontend, { melBank: melBank as NdArray<'float32'> });
}

/**
 * Loads a CLAP model folder, such as `saveModelFolder(dir, {config, tensors})` of @pengi/checkpoint writes it.
 * @param engine jit's default one if none is given
 * @throws PengiError E_NOT_FOUND, E_CHECKPOINT, E_CONFIG, E_WEIGHTS, E_ENGINE
 */
export async function loadClap(dir: string, { engine }: { engine?: Engine } = {}): Promise<Clap> {
  const folder = await openModelFolder(dir);
  const config = validate(clapConfigSchema, folder.config, { file: dir });
  const frontend = frontendOf(config, folder.file);
  return createClap(clapParams(folder.file, config), config, {
    frontend,
    engine: engine ?? (await defaultEngine()),
  });
}
