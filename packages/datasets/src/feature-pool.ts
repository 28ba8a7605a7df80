import type { Worker } from 'node:worker_threads';
import { type ErrorCode, PengiError } from '@pengi/core';
import type { Extractor, FileReply, FileRequest } from './feature-extractor.js';

/** What a feature worker answers; errors lose their class on the way and travel as plain data. */
export type WorkerReply =
  | Extract<FileReply, { logMels: unknown }>
  | { readonly failure: Record<string, unknown> }
  | { readonly error: Record<string, unknown> };

export interface FeaturePool {
  /** @throws PengiError E_WORKER when the thread ends instead of answering, E_USAGE when the pool is closed */
  readonly extract: Extractor;
  /** Ends all threads; requests under way fail. */
  close(): Promise<void>;
}

interface Job {
  readonly request: FileRequest;
  readonly resolve: (reply: FileReply) => void;
  readonly reject: (error: PengiError) => void;
}

/**
 * An extractor on up to `size` threads that `start` makes when they are needed. A thread has one request at a time;
 * one that ended is replaced at the next request. Idle threads do not keep the process alive.
 */
export function createFeaturePool(size: number, start: () => Worker): FeaturePool {
  const waiting: Job[] = [];
  const idle = new Set<Worker>();
  const busy = new Map<Worker, Job>();
  let isClosed = false;

  const assign = () => {
    while (waiting.length > 0 && (idle.size > 0 || busy.size < size)) {
      const job = waiting.shift() as Job;
      try {
        const [worker = launch()] = idle;
        idle.delete(worker);
        busy.set(worker, job);
        worker.ref();
        const request = withOwnBytes(job.request);
        worker.postMessage(request, request.bytes === undefined ? [] : [request.bytes.buffer as ArrayBuffer]);
      } catch (error) {
        job.reject(ended(job.request.audio, error)); // no thread could be started
      }
    }
  };

  const launch = (): Worker => {
    const worker = start();
    let cause: unknown;
    worker.on('message', (reply: WorkerReply) => {
      const job = busy.get(worker);
      busy.delete(worker);
      idle.add(worker);
      worker.unref();
      if ('error' in reply) job?.reject(revive(reply.error));
      else job?.resolve('failure' in reply ? { failure: revive(reply.failure) } : reply);
      assign();
    });
    worker.on('error', (error) => {
      cause = error; // 'exit' follows
    });
    worker.on('messageerror', (error) => {
      cause = error;
      void worker.terminate();
    });
    worker.on('exit', (code) => {
      const job = busy.get(worker);
      busy.delete(worker);
      idle.delete(worker);
      job?.reject(isClosed ? closed() : ended(job.request.audio, cause ?? new Error(`exit code ${code}`)));
      assign();
    });
    return worker;
  };

  return {
    extract: (request) =>
      new Promise((resolve, reject) => {
        if (isClosed) return reject(closed());
        waiting.push({ request, resolve, reject });
        assign();
      }),
    async close() {
      isClosed = true;
      for (const job of waiting.splice(0)) job.reject(closed());
      await Promise.all([...idle, ...busy.keys()].map((worker) => worker.terminate()));
    },
  };
}

/** Bytes are handed over, not copied: a view of a larger buffer would take all of it along. */
function withOwnBytes(request: FileRequest): FileRequest {
  const { bytes } = request;
  if (bytes === undefined || bytes.byteLength === bytes.buffer.byteLength) return request;
  return { ...request, bytes: Uint8Array.from(bytes) };
}

function revive(data: Record<string, unknown>): PengiError {
  const { code, message, file, hint } = data as Pick<PengiError, 'code' | 'message' | 'file' | 'hint'>;
  return new PengiError(code satisfies ErrorCode, message, {
    ...(file === undefined ? {} : { file }),
    ...(hint === undefined ? {} : { hint }),
  });
}

function ended(file: string, cause: unknown): PengiError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new PengiError('E_WORKER', `the thread that was reading it ended: ${reason}`, {
    file,
    hint: 'try fewer threads (workers), or 0 to see where it fails',
    cause,
  });
}

function closed(): PengiError {
  return new PengiError('E_USAGE', 'the feature loader was closed before its work was done');
}
