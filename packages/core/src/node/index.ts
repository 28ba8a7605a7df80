export { fileError, freeBytes, makeFolder, syncFolder, writeFileAtomic } from './atomic.js';
export { acquireLock, isAlive, type Lock, type LockHolder, type LockOptions, withLock } from './lock.js';
export { type ProgramEnd, runProgram } from './program.js';
export { formatSeconds, stderrProgress } from './progress.js';
export { startProcess, startWorker } from './worker.js';
