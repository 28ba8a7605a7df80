import { createRng, PengiError } from '@pengi/core';
import { createFeatureLoader, createSampler, type Example, type FeatureLoader, readManifest } from '@pengi/datasets';
import type { FrontendConfig } from '@pengi/audio-frontend';
import type { Context } from '../context.js';
import type { TrainConfig } from './config.js';

export interface TrainData {
  training: Example[];
  validation: Example[];
}

/** The examples of a config, divided. */
export async function readExamples({ data, seed }: TrainConfig, context: Context): Promise<TrainData> {
  const options = { ...(data.root === undefined ? {} : { root: data.root }), skipBadRows: data.skipBadRows };
  const { examples, problems } = await readManifest(data.manifest, options);
  for (const { line, message } of problems) context.warn(`${data.manifest}:${line}: left out: ${message}`);
  if (examples.length === 0) throw new PengiError('E_DATA', 'holds no example', { file: data.manifest });

  if (typeof data.validation === 'string')
    return { training: examples, validation: (await readManifest(data.validation, options)).examples };
  const marked = examples.filter(({ split }) => split === 'valid' || split === 'validation');
  if (marked.length > 0)
    return { training: examples.filter(({ split }) => split === undefined || split === 'train'), validation: marked };
  return splitByAudio(examples, data.validation, seed);
}

/** No recording is on both sides. */
function splitByAudio(examples: readonly Example[], share: number, seed: number): TrainData {
  const files = createRng(seed).fork('validation').shuffle([...new Set(examples.map(({ audio }) => audio))]);
  const heldOut = new Set(files.slice(0, Math.floor(files.length * share)));
  return {
    training: examples.filter(({ audio }) => !heldOut.has(audio)),
    validation: examples.filter(({ audio }) => heldOut.has(audio)),
  };
}

export type Loaded = Example & { logMel: Float32Array };

/** Batches of examples with their log-mels, which are computed when they are first wanted and kept on disk. */
export function createBatches(
  examples: readonly Example[],
  frontend: FrontendConfig,
  { data, seed, batch }: TrainConfig,
): { draw(step: number): Promise<Loaded[]>; all(): Promise<Loaded[]>; close(): Promise<void> } {
  const loader: FeatureLoader = createFeatureLoader({ frontend, cacheDir: data.cache });
  const sampler = createSampler({ epochs: examples.length }, seed);
  const load = async (chosen: readonly Example[]): Promise<Loaded[]> => {
    const { logMels, failed } = await loader.load(chosen.map(({ audio }) => ({ audio })));
    if (failed[0]) throw failed[0].error;
    return chosen.map((example, i) => ({ ...example, logMel: logMels[i]! }));
  };
  return {
    draw: (step) => load(sampler.batch(step, Math.min(batch, examples.length)).map((i) => examples[i]!)),
    all: () => load(examples),
    close: () => loader.close(),
  };
}
