export type { Sound, Summary } from './event.js';
export { type EventFile, type EventFileOptions, openEventFile } from './event-file.js';
