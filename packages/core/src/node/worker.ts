import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * Starts the worker module `name` that lies beside the calling module, whether that runs as built JavaScript or, in the
 * workspace, as TypeScript source.
 * @param callerUrl the caller's `import.meta.url`
 */
export function startWorker(callerUrl: string, name: string, options: WorkerOptions = {}): Worker {
  const built = !new URL(callerUrl).pathname.endsWith('.ts');
  const source = () => `data:text/javascript,${encodeURIComponent(sourceOf(callerUrl, name))}`;
  return new Worker(built ? new URL(`./${name}.js`, callerUrl) : new URL(source()), options);
}

/** The same as a process of its own. `args` are in its `process.argv` from 1 on. */
export function startProcess(
  callerUrl: string,
  name: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  return spawn(
    process.execPath,
    ['--input-type=module', '-e', sourceOf(callerUrl, name), '--', ...args],
    options,
  );
}

/** A module that imports the one beside the caller. */
function sourceOf(callerUrl: string, name: string): string {
  if (!new URL(callerUrl).pathname.endsWith('.ts'))
    return `await import(${JSON.stringify(new URL(`./${name}.js`, callerUrl).href)});`;
  // `--import tsx` does nothing in the workers of Node 20; calling its `register` inside of them works everywhere.
  const [tsx, module] = [import.meta.resolve('tsx/esm/api'), new URL(`./${name}.ts`, callerUrl).href];
  return `import { register } from ${JSON.stringify(tsx)}; register(); await import(${JSON.stringify(module)});`;
}
