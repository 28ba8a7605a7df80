import { parentPort, workerData } from 'node:worker_threads';
import { sha256File } from '@pengi/checkpoint';

/** The thread that hashes one file: answers with the digest. An error ends it, and is the thread's. */
parentPort?.postMessage(await sha256File(workerData as string));
