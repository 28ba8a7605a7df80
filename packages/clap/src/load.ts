import { createFrontend, type Frontend } from '@pengi/audio-frontend';
import { mergeParameters, openModelFolder, type TensorSource } from '@pengi/checkpoint';
import { type NdArray, validate } from '@pengi/core';
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

/** CLAP's parameters out of a file. */
export function clapParams(
  source: TensorSource | Readonly<Record<string, NdArray>>,
  config: ClapConfig,
): ClapParams<NdArray> {
  return mergeParameters(clapSpec(config), source, { ignore: TOWER_CONSTANTS, where: 'this CLAP config' });
}

/**
 * The front end of a model: with the mel bank of its checkpoint where there is one, as the checkpoint's own values are
 * what the encoder was trained with.
 */
export function frontendOf(config: Pick<ClapConfig, 'frontend'>, source: TensorSource): Frontend {
  if (!source.tensors.has(MEL_BANK)) return createFrontend(config.frontend);
  return createFrontend(config.frontend, { melBank: source.array(MEL_BANK) as NdArray<'float32'> });
}

/**
 * Loads a CLAP model folder.
 * @throws PengiError E_NOT_FOUND, E_CHECKPOINT, E_CONFIG, E_WEIGHTS
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
