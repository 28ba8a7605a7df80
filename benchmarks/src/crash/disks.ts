/** Disks that are full, read-only or somebody else's, for real. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Ended, programOf, run } from './process.js';

/** A user who owns nothing. */
const NOBODY = 65534;

/** A disk of 14 MB: two checkpoints of a tiny Pengi and no more. Then there is more room, and the run goes on. */
export async function fullDisk(folder: string): Promise<string> {
  const job = { stage: 'pengi', dir: join(folder, 'run'), steps: 12 };
  const ended = await onOwnDisk(folder, 'size=14m', [
    train(job),
    `echo status $?; ls ${folder}/run/checkpoints; mount -o remount,size=64m ${folder}`,
    train(job),
  ]);
  if (typeof ended === 'string') return ended;
  const { out, err } = ended;
  assert.match(out, /^status 74$/m, err);
  assert.match(
    err,
    /^E_DISK_FULL .*: needs [\d.]+ MB, [\d.]+ (MB|kB|bytes) free; training stopped at step (\d+), step-\d+ is kept; free some space, then resume$/m,
  );
  assert.match(out, /"step":12/, err);
  return 'a full disk stopped with 74, and went on with more room';
}

/** A disk that is read-only, or becomes so while the run is under way. */
export async function readOnlyDisk(folder: string): Promise<string> {
  const dir = join(folder, 'run');
  const job = { stage: 'clap', dir, steps: 24 };
  // A disk with a file that is open for writing, as the log is, stays writable; a folder of it can be closed all the same.
  const checkpoints = `${dir}/checkpoints`;
  const ended = await onOwnDisk(folder, 'size=64m,ro', [
    train(job),
    `echo from the start $?; mount -o remount,rw ${folder}`,
    `(until [ -e ${dir}/latest.json ]; do sleep 0.1; done; mount --bind ${checkpoints} ${checkpoints}; mount -o remount,ro,bind ${checkpoints}) &`,
    train({ ...job, slow: 200 }),
    `echo on the way $?; wait; umount ${checkpoints}`,
    train(job),
  ]);
  if (typeof ended === 'string') return ended;
  const { out, err } = ended;
  assert.match(out, /^from the start 73$/m, err);
  assert.match(err, /^E_CANNOT_CREATE .*may not be written \(EROFS\); the disk is read-only/m);
  assert.match(out, /^on the way 73$/m, err);
  assert.match(
    err,
    /^E_CANNOT_CREATE .*\(EROFS\); training stopped at step \d+, step-\d+ is kept; make the folder writable, then resume$/m,
  );
  assert.match(out, /"step":24/, err);
  return 'a read-only disk stopped with 73, and went on when it was writable';
}

/** A folder in which this user may not write. */
export async function lockedFolder(folder: string): Promise<string> {
  const dir = join(folder, 'run');
  mkdirSync(dir);
  chmodSync(dirname(folder), 0o755); // another user has to come this far
  chmodSync(dir, 0o555);
  const uid = process.getuid?.() === 0 ? NOBODY : undefined; // permissions mean nothing to root
  const job = JSON.stringify({ stage: 'clap', dir, steps: 2 });
  const { status, err } = await run(programOf('train-child', job), uid === undefined ? {} : { uid });
  chmodSync(dir, 0o755);
  if (/Cannot find module|EACCES.*tsx/.test(err))
    return 'SKIPPED a folder without permission: another user cannot run this';
  assert.equal(status, 73, err);
  assert.match(err, /^E_CANNOT_CREATE .*may not be written \(EACCES\); look at the permissions/m);
  return 'a folder without permission refused with 73';
}

function train(job: object): string {
  return programOf('train-child', JSON.stringify(job))
    .map((word) => `'${word}'`)
    .join(' ');
}

/** Runs lines of shell with a file system of their own at `folder`; or says why not. */
async function onOwnDisk(folder: string, options: string, lines: readonly string[]): Promise<Ended | string> {
  if (spawnSync('unshare', ['-rm', 'true']).status !== 0)
    return 'SKIPPED a disk of its own: unshare is missing or not allowed';
  const script = [`mount -t tmpfs -o ${options} tmpfs ${folder} || exit 99`, ...lines].join('\n');
  const ended = await run(['unshare', '-rm', 'sh', '-c', script]);
  return ended.status === 99 ? 'SKIPPED a disk of its own: tmpfs cannot be mounted here' : ended;
}
