import { openModelFolder } from '@pengi/checkpoint';
import { frontendOf } from '@pengi/clap';
import { validate } from '@pengi/core';
import { defaultEngine, type Engine } from '@pengi/jit';
import type { CompatOptions } from '../compat.js';
import { type Clapcap, createClapcap } from './clapcap.js';
import { clapcapConfigSchema } from './config.js';
import { CLAPCAP_HTSAT_PREFIX, clapcapParams } from './params.js';

/**
 * Loads a clapcap model folder (`config.json` with `model: "clapcap"`, `model.safetensors`). A mel bank among the weights
 * is used instead of the computed one.
 * @throws PengiError E_NOT_FOUND, E_CHECKPOINT, E_CONFIG, E_WEIGHTS
 */
export async function loadClapcap(
  dir: string,
  { engine, ...compat }: { engine?: Engine } & Partial<CompatOptions> = {},
): Promise<Clapcap> {
  const folder = await openModelFolder(dir);
  const config = validate(clapcapConfigSchema, folder.config, { file: dir });
  return createClapcap(clapcapParams(folder.file, config), config, {
    ...compat,
    frontend: frontendOf(config, folder.file, CLAPCAP_HTSAT_PREFIX),
    engine: engine ?? (await defaultEngine()),
  });
}
