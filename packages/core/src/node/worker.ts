import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * Starts the worker module `name` that lies beside the calling module, whether that runs as built JavaScript or, in the
 * workspace, as TypeScript source (then through tsx, as its parent does).
 */
export function startWorker(callerUrl: string, name: string, options: WorkerOptions = {}): Worker {
  const fromSource = new URL(callerUrl).pathname.endsWith('.ts');
  const url = new URL(`./${name}${fromSource ? '.ts' : '.js'}`, callerUrl);
  return new Worker(
    url,
    fromSource ? { ...options, execArgv: ['--import', import.meta.resolve('tsx')] } : options,
  );
}
