/**
 * A process that writes a run folder and nothing else, to be killed: `write-child.ts ROOT MODE AT`. It says on stdout which
 * steps are saved. MODE is `kill` or `torn` (SIGKILL before call AT to the disk, or in the middle of it), `count` (says how
 * many calls there are, and of which kind), `plain` (does the run), `hold` (opens the folder and stays).
 */
import { existsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isPengiError } from '@pengi/core';
import { type DiskCall, openForCheck, runForCheck, watchDisk } from '@pengi/train/testing';

const [root, mode, at] = process.argv.slice(2) as [string, string, string];
const say = (line: string) => writeSync(1, `${line}\n`);
const kinds: string[] = [];

/** A write that fails leaves half of its bytes; before the program can deal with that, it ends. */
function before({ kind }: DiskCall, index: number): string | undefined {
  kinds.push(kind);
  if ((mode === 'kill' && index === Number(at)) || (mode === 'torn' && index > Number(at)))
    process.kill(process.pid, 'SIGKILL');
  return mode === 'torn' && index === Number(at) ? 'EIO' : undefined;
}
if (['kill', 'torn', 'count'].includes(mode)) watchDisk(root, before);

try {
  const folder = await openForCheck(join(root, 'run'));
  if (mode === 'hold') {
    say('held');
    setInterval(() => existsSync(root) || process.exit(), 500);
  } else {
    await runForCheck(folder, (step) => say(`saved ${step}`)).finally(() => folder.close());
    if (mode === 'count') say(`calls ${JSON.stringify(kinds)}`);
  }
} catch (error) {
  // A torn write after which nothing more was tried: it ends here.
  if (mode === 'torn') process.kill(process.pid, 'SIGKILL');
  writeSync(2, `${isPengiError(error) ? error.line : (error as Error).stack}\n`);
  process.exit(isPengiError(error) ? error.exitCode : 70);
}
