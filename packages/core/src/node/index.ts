export { fileError, syncFolder, writeFileAtomic } from './atomic.js';
export { formatSeconds, stderrProgress } from './progress.js';
export { startWorker } from './worker.js';
