import { parentPort, workerData } from 'node:worker_threads';
import { createClipReader } from './clip-reader.js';
import type { ClipRequest, ClipSettings } from './clips.js';

/** The thread that reads recordings: one request, one reply, in order. */

const read = createClipReader(workerData as ClipSettings);
let last: Promise<void> = Promise.resolve();

parentPort?.on('message', (request: ClipRequest) => {
  last = last.then(async () => {
    const reply = await read(request);
    const samples = 'samples' in reply && reply.samples ? [reply.samples.buffer as ArrayBuffer] : [];
    parentPort?.postMessage(reply, samples);
  });
});
