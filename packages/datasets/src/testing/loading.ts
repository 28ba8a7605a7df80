/** Loaders of a few recordings, in the calling thread. */
import type { FrontendConfig } from '@pengi/audio-frontend';
import { createExampleLoader, type ExampleLoaderOptions, type LoadedExample } from '../training/loader.js';
import { createMixture } from '../training/mixture.js';
import type { ExampleSource } from '../training/source.js';
import { SMALL_FRONTEND } from './frontend.js';

export const FRONTEND: FrontendConfig = { ...SMALL_FRONTEND, trimSilence: null };

export async function loading<T>(
  sources: readonly ExampleSource[],
  options: Partial<ExampleLoaderOptions>,
  use: (loader: ReturnType<typeof createExampleLoader>) => Promise<T>,
): Promise<T> {
  const mixture = createMixture(sources, { seed: 7 });
  const loader = createExampleLoader(mixture, { frontend: FRONTEND, seed: 7, workers: 0, ...options });
  try {
    return await use(loader);
  } finally {
    await loader.close();
  }
}

export const steps = (
  sources: readonly ExampleSource[],
  options: Partial<ExampleLoaderOptions>,
  wanted: readonly number[],
  size = 6,
) =>
  loading(sources, options, async (loader) => {
    const batches: LoadedExample[][] = [];
    for (const step of wanted) batches.push(await loader.batch(step, size));
    return batches;
  });
