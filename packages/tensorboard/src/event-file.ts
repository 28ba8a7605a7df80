import { mkdir, open, readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { PengiError, printable } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import { type Summary, startEvent, summaryEvent, versionEvent } from './event.js';
import { frame } from './record.js';

export interface EventFileOptions {
  /**
   * The first step that will be written. TensorBoard forgets what older files of the folder say of it and of later ones,
   * which a run that was interrupted writes again. Default 0.
   */
  firstStep?: number;
  /** Seconds since 1970. Default: the clock. */
  now?: () => number;
}

export interface EventFile {
  readonly path: string;
  /**
   * Appends what is to be shown of a step. Calls are written in their order.
   * @throws PengiError E_USAGE for an image that is no PNG and for a tag that was of another kind, of which TensorBoard
   *   would show one only; E_DISK_FULL, E_IO
   */
  add(step: number, summary: Summary): Promise<void>;
  close(): Promise<void>;
}

/**
 * A new event file in `dir`, which is made where there is none: `tensorboard --logdir dir` shows it while it grows. Each
 * start of a run has a file of its own. A process that is killed leaves a file that can be read up to its last whole record.
 * @throws PengiError E_CANNOT_CREATE, E_DISK_FULL, E_IO
 */
export async function openEventFile(
  dir: string,
  { firstStep = 0, now = () => Date.now() / 1000 }: EventFileOptions = {},
): Promise<EventFile> {
  const path = await attempt(dir, async () => {
    await mkdir(dir, { recursive: true });
    return join(dir, await nextName(dir, now()));
  });
  const file = await attempt(path, () => open(path, 'wx'));
  const kinds = new Map<string, string>();
  let written: Promise<void> = Promise.resolve();
  const append = (event: Uint8Array): Promise<void> => {
    written = written.then(() => attempt(path, () => file.appendFile(frame(event))));
    return written;
  };
  await append(versionEvent(now()));
  await append(startEvent(now(), firstStep));
  return {
    path,
    async add(step, summary) {
      for (const [kind, values] of Object.entries(summary))
        for (const tag of Object.keys(values)) {
          const before = kinds.get(tag) ?? kind;
          if (before !== kind)
            throw new PengiError(
              'E_USAGE',
              `the tag "${printable(tag, 60)}" is of ${kind} and was of ${before}: give them different ones`,
            );
          kinds.set(tag, kind);
        }
      await append(summaryEvent(now(), step, summary));
    },
    async close() {
      await written.catch(() => undefined); // whoever added it has been told
      await file.close();
    },
  };
}

/** TensorBoard reads the files of a folder in the order of their names, so a later one must have a later second. */
async function nextName(dir: string, now: number): Promise<string> {
  const seconds = (await readdir(dir)).map((name) =>
    Number(/^events\.out\.tfevents\.(\d+)/.exec(name)?.[1] ?? 0),
  );
  const second = Math.max(Math.floor(now), ...seconds.map((found) => found + 1));
  return `events.out.tfevents.${second}.${hostname()}.${process.pid}`;
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(error, path, 'written');
  }
}
