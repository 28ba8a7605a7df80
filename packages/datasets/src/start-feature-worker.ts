import { Worker, type WorkerOptions } from 'node:worker_threads';
import { startWorker } from '@pengi/core/node';

/**
 * Starts `feature-worker`, built or as source. Core's `startWorker` gives `--import tsx` to a worker of TypeScript
 * source, which tsx ignores outside of the main thread in Node 20; calling its `register` inside of the worker works
 * in all versions.
 */
export function startFeatureWorker(options: WorkerOptions): Worker {
  const url = new URL('./feature-worker.ts', import.meta.url);
  if (!import.meta.url.endsWith('.ts')) return startWorker(import.meta.url, 'feature-worker', options);
  const start = `import { register } from '${import.meta.resolve('tsx/esm/api')}'; register(); await import('${url}');`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(start)}`), options);
}
