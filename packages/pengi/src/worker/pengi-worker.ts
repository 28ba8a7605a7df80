/** The thread that holds a model: loads it, then answers requests one after the other. */
import { parentPort, workerData } from 'node:worker_threads';
import { createEngine } from '@pengi/jit';
import { loadPengi } from '../load.js';
import type { Pengi } from '../pengi.js';
import { type Callback, mapped, type Reply, type Request, sentError, type WorkerSetup } from './protocol.js';

const send = (reply: Reply) => parentPort?.postMessage(reply);

const { dir, options } = workerData as WorkerSetup;
const { threads, ...loading } = options;

try {
  const engine = await createEngine(undefined, threads === undefined ? {} : { threads });
  const pengi = await loadPengi(dir, { ...loading, engine });
  // One after the other: they would share the same cores.
  let last: Promise<void> = Promise.resolve();
  parentPort?.on('message', (request: Request) => {
    last = last.then(() => answer(pengi, request));
  });
  send({ ready: pengi.config });
} catch (error) {
  send({ call: 0, error: sentError(error) });
  parentPort?.close();
}

async function answer(pengi: Pengi, { call, method, arguments: args }: Request): Promise<void> {
  try {
    const run = pengi[method] as (...given: unknown[]) => Promise<unknown>;
    const result = await run(...(mapped(args, callbacks) as unknown[]));
    send({ call, result });
  } catch (error) {
    send({ call, error: sentError(error) });
  }
}

function callbacks(value: unknown): unknown {
  const { pengiCallback } = (value ?? {}) as Partial<Callback>;
  if (pengiCallback === undefined) return value;
  return (...args: unknown[]) => send({ callback: pengiCallback, arguments: args });
}
