/**
 * The quickstart's recipe for pitch in a process of its own, beside the models of the sets: `startPitch` begins it, and this
 * file, run with the folder, the seed and the number of threads, is that process.
 */
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { learnPitch, type PitchFigures } from '@pengi/cli';
import { PengiError } from '@pengi/core';
import { stderrProgress } from '@pengi/core/node';
import { createEngine } from '@pengi/jit';

const FILE = fileURLToPath(import.meta.url);

export interface PitchOptions {
  /** Where models and checkpoints go; what is finished there is not done again. */
  out: string;
  seed: number;
  threads: number;
  /** Told what the process prints. */
  say: (line: string) => void;
  /** Lets it save and end. */
  signal: AbortSignal;
}

/** @throws PengiError E_INTERRUPTED when stopped, E_DATA when it fails */
export async function startPitch({ out, seed, threads, say, signal }: PitchOptions): Promise<PitchFigures> {
  const file = join(out, 'result.json');
  if (!existsSync(file)) {
    const child = fork(FILE, [out, String(seed), String(threads)], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: process.execArgv,
    });
    for (const stream of [child.stdout!, child.stderr!])
      createInterface(stream).on('line', (line) => say(`  pitch: ${line}`));
    const stop = () => child.connected && child.disconnect();
    signal.addEventListener('abort', stop, { once: true });
    const code = await new Promise((resolve) => child.once('exit', resolve));
    signal.removeEventListener('abort', stop);
    signal.throwIfAborted();
    if (code !== 0) throw new PengiError('E_DATA', `the recipe for pitch ended with status ${code}`);
  }
  const { pitchAccuracy, trainSeconds } = JSON.parse(await readFile(file, 'utf8'));
  return { ...pitchAccuracy, seconds: trainSeconds };
}

if (process.argv[1] === FILE) {
  const [out, seed, threads] = process.argv.slice(2) as [string, string, string];
  const stop = new AbortController();
  // The parent alone decides: a Ctrl-C in a terminal reaches both, and when the parent is gone, so is the connection.
  process.on('SIGINT', () => {});
  process.once('disconnect', () => stop.abort());
  const engine = await createEngine('jit', { threads: Number(threads) });
  await learnPitch({ out, seed: Number(seed), engine, signal: stop.signal, progress: stderrProgress });
  if (process.connected) process.disconnect();
}
