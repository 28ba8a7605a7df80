/**
 * A process to be interrupted: `stalling-run.ts <run folder> train` trains up to step 12, whose next batch never comes;
 * `stalling-run.ts <run folder> stuck` waits for ever and takes no notice of the first signal.
 */
import { createEngine } from '@pengi/jit';
import { train, withInterrupt } from '../index.js';
import { smallTask, stallOptions } from './small-task.js';

const [dir, mode] = process.argv.slice(2) as [string, string];
const awake = setInterval(() => undefined, 1000);
const never = new Promise<never>(() => undefined);

await withInterrupt(async (signal) => {
  if (mode === 'stuck') {
    process.stdout.write('stalled\n');
    await never;
  }
  const task = smallTask();
  const batch = (step: number) => {
    if (step < 12) return task.batch(step);
    process.stdout.write('stalled\n');
    return never;
  };
  const engine = await createEngine('jit', { threads: 1 });
  const { step, interrupted } = await train({ ...task, batch }, { ...stallOptions(engine, dir), signal });
  process.stdout.write(`${JSON.stringify({ step, interrupted, reason: signal.reason?.message })}\n`);
});
clearInterval(awake);
