import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * Starts the worker module `name` that lies beside the calling module, whether that runs as built JavaScript or, in the
 * workspace, as TypeScript source.
 * @param callerUrl the caller's `import.meta.url`
 */
export function startWorker(callerUrl: string, name: string, options: WorkerOptions = {}): Worker {
  if (!new URL(callerUrl).pathname.endsWith('.ts'))
    return new Worker(new URL(`./${name}.js`, callerUrl), options);
  // `--import tsx` does nothing in the workers of Node 20; calling its `register` inside of them works everywhere.
  const [tsx, module] = [import.meta.resolve('tsx/esm/api'), new URL(`./${name}.ts`, callerUrl).href];
  const start = `import { register } from ${JSON.stringify(tsx)}; register(); await import(${JSON.stringify(module)});`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(start)}`), options);
}
