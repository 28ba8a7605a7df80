/** Recordings to samples, in threads, ahead of the model that takes them. */
import type { Worker } from 'node:worker_threads';
import type { FrontendConfig } from '@pengi/audio-frontend';
import { PengiError, type PengiErrorOptions } from '@pengi/core';
import { startWorker } from '@pengi/core/node';
import { createClipReader } from './clip-reader.js';

export interface ClipSettings {
  /** How samples are prepared; without it recordings are decoded to see whether they can be, and the predictor reads them. */
  readonly frontend?: FrontendConfig;
  /** Which part of recordings that are longer than the front end's duration; default: what its config says. */
  readonly crop?: 'start' | 'centre' | 'random';
  /** Of random crops: a recording has the same one whenever the seed is the same. Default 0. */
  readonly seed?: number;
  readonly maxSeconds?: number;
}

export interface ClipRequest {
  readonly audio: string;
  /** "sha256" reads the bytes only. */
  readonly want: 'sha256' | 'samples';
}

export type ClipReply =
  | { readonly sha256: string; readonly samples?: Float32Array; readonly sampleRate?: number }
  | { readonly failure: Pick<PengiError, 'code' | 'message' | 'file' | 'hint'> };

export interface ClipSource {
  /** What is wrong with a recording is in the reply, not thrown. */
  read(request: ClipRequest): Promise<ClipReply>;
  close(): Promise<void>;
}

/**
 * @param workers threads; 0 for the calling one alone
 * @throws PengiError E_CONFIG
 */
export function createClipSource(settings: ClipSettings, workers: number): ClipSource {
  if (workers === 0) return { read: createClipReader(settings), close: async () => undefined };
  const lanes = Array.from({ length: workers }, () => lane(settings));
  let turn = 0;
  return {
    read: (request) => lanes[turn++ % workers]!.read(request),
    async close() {
      await Promise.all(lanes.map(({ close }) => close()));
    },
  };
}

interface Waiting {
  resolve(reply: ClipReply): void;
  reject(error: PengiError): void;
}

/** One thread, started when it is first needed, that answers in the order in which it is asked. */
function lane(settings: ClipSettings) {
  const waiting: Waiting[] = [];
  let worker: Worker | undefined;
  const start = () => {
    const started = startWorker(import.meta.url, 'clip-worker', { workerData: settings });
    started.on('message', (reply: ClipReply) => {
      waiting.shift()?.resolve(reply);
      if (waiting.length === 0) started.unref(); // an idle thread does not keep the process alive
    });
    const end = (cause: unknown) => {
      if (worker === started) worker = undefined;
      for (const { reject } of waiting.splice(0)) reject(ended(cause));
    };
    started.on('error', end);
    started.on('exit', (code) => end(new Error(`exit code ${code}`)));
    return started;
  };
  return {
    read: (request: ClipRequest) =>
      new Promise<ClipReply>((resolve, reject) => {
        worker ??= start();
        worker.ref();
        waiting.push({ resolve, reject });
        worker.postMessage(request);
      }),
    close: async () => void (await worker?.terminate()),
  };
}

function ended(cause: unknown): PengiError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new PengiError('E_WORKER', `a thread that was reading recordings ended: ${reason}`, {
    hint: 'try --workers 0',
    cause,
  });
}

/** The failure as an error again; errors lose their class between threads. */
export function failureOf({
  code,
  message,
  file,
  hint,
}: Extract<ClipReply, { failure: unknown }>['failure']) {
  const options: PengiErrorOptions = {
    ...(file !== undefined && { file }),
    ...(hint !== undefined && { hint }),
  };
  return new PengiError(code, message, options);
}
