/** A model in a thread of its own, so that the event loop of the caller stays free. Node only. */
import type { Worker } from 'node:worker_threads';
import { PengiError } from '@pengi/core';
import { startWorker } from '@pengi/core/node';
import type { PengiConfig } from '../config.js';
import type { LoadOptions } from '../load.js';
import type { Pengi } from '../pengi.js';
import {
  LISTENERS,
  METHODS,
  type Method,
  mapped,
  type Reply,
  receivedError,
  type WorkerSetup,
} from './protocol.js';

/**
 * The methods of a `Pengi` whose arguments and results can be sent to another thread. The options `onText` and `warn` are
 * called here, and a call rejects with what they throw; other functions and objects with methods (`rng`) are refused.
 */
export interface PengiWorker extends Pick<Pengi, Method> {
  readonly config: PengiConfig;
  /** Waits for the calls under way, then ends the thread. */
  dispose(): Promise<void>;
}

export interface PengiWorkerOptions extends Omit<LoadOptions, 'engine'> {
  /** Threads of the engine; default: the number of cores. */
  threads?: number | undefined;
}

interface Call {
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/**
 * `loadPengi` in a thread of its own. ONNX Runtime's calls block the thread that makes them; there they block nothing else, as a
 * server needs it. Calls are answered one after the other.
 * @throws PengiError as `loadPengi`; its methods E_USAGE for arguments that cannot be sent and after `dispose`, E_WORKER when
 *   the thread ends
 */
export async function loadPengiWorker(dir: string, options: PengiWorkerOptions = {}): Promise<PengiWorker> {
  return overWorker(
    startWorker(import.meta.url, 'pengi-worker', { workerData: { dir, options } satisfies WorkerSetup }),
  );
}

/** @param worker that has just been started */
export async function overWorker(worker: Worker): Promise<PengiWorker> {
  const calls = new Map<number, Call>();
  const callbacks = new Map<number, (...args: unknown[]) => void>();
  let [count, functions, ended] = [0, 0, undefined as PengiError | undefined];
  let becomeReady: (config: PengiConfig) => void;
  const ready = new Promise<PengiConfig>((resolve, reject) => {
    becomeReady = resolve;
    calls.set(0, { resolve: () => undefined, reject }); // an error of call 0 is one of loading
  });

  worker.on('message', (reply: Reply) => {
    if ('ready' in reply) {
      calls.delete(0);
      becomeReady(reply.ready);
    } else if ('callback' in reply) callbacks.get(reply.callback)?.(...reply.arguments);
    else {
      const call = calls.get(reply.call);
      calls.delete(reply.call);
      if ('error' in reply) call?.reject(receivedError(reply.error));
      else call?.resolve(reply.result);
    }
    if (calls.size === 0) worker.unref(); // an idle model does not keep the process alive
  });
  let cause: unknown;
  worker.on('error', (error) => {
    cause = error; // 'exit' follows
  });
  worker.on('exit', (code) => {
    const reason = cause instanceof Error ? cause.message : `exit code ${code}`;
    ended ??= new PengiError('E_WORKER', `the thread of the model ended: ${reason}`, { cause });
    for (const call of calls.values()) call.reject(ended);
    calls.clear();
  });

  const call = (method: Method, args: readonly unknown[]) =>
    new Promise<unknown>((resolve, reject) => {
      if (ended) return reject(ended);
      const number = ++count;
      const own: number[] = [];
      const forget = () => {
        for (const id of own) callbacks.delete(id);
      };
      const sent = mapped(args, (value, name) => {
        if (typeof value !== 'function' || !LISTENERS.has(name)) return value;
        const id = ++functions;
        own.push(id);
        callbacks.set(id, (...given) => {
          try {
            value(...given);
          } catch (error) {
            reject(error); // the thread goes on, and what it answers is dropped
          }
        });
        return { pengiCallback: id };
      });
      calls.set(number, {
        resolve(result) {
          forget();
          resolve(result);
        },
        reject(error) {
          forget();
          reject(error);
        },
      });
      try {
        worker.ref();
        worker.postMessage({ call: number, method, arguments: sent });
      } catch (error) {
        calls.delete(number);
        forget();
        reject(
          new PengiError('E_USAGE', `the arguments of ${method} cannot be sent to another thread`, {
            hint: 'its options are plain data, onText and warn',
            cause: error,
          }),
        );
      }
    });

  const config = await ready;
  const methods = Object.fromEntries(
    METHODS.map((method) => [method, (...args: unknown[]) => call(method, args)]),
  ) as unknown as Pick<Pengi, Method>;
  return {
    ...methods,
    config,
    async dispose() {
      const underWay = [...calls.values()].map(
        (open) =>
          new Promise<void>((done) => {
            const { resolve, reject } = open;
            open.resolve = (result) => {
              resolve(result);
              done();
            };
            open.reject = (error) => {
              reject(error);
              done();
            };
          }),
      );
      ended ??= new PengiError('E_USAGE', 'the model was disposed of');
      await Promise.all(underWay);
      await worker.terminate();
    },
  };
}
