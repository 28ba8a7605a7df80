import { parentPort, workerData } from 'node:worker_threads';
import { isPengiError } from '@pengi/core';
import { createExtractor, type ExtractorSettings, type FileRequest } from './feature-extractor.js';
import type { WorkerReply } from './feature-pool.js';

/**
 * The thread that decodes and analyses: one request, one reply. What is not a PengiError ends it, which the pool
 * reports.
 */

const extract = createExtractor(workerData as ExtractorSettings);

parentPort?.on('message', async (request: FileRequest) => {
  const reply = await extract(request).then(
    (found): WorkerReply => ('failure' in found ? { failure: found.failure.toJSON() } : found),
    (error: unknown): WorkerReply => {
      if (isPengiError(error)) return { error: error.toJSON() };
      throw error;
    },
  );
  parentPort?.postMessage(
    reply,
    'logMels' in reply ? reply.logMels.map(({ buffer }) => buffer as ArrayBuffer) : [],
  );
});
