import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireLock, makeFolder, withLock } from './index.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pengi-core-'));
  path = join(folder, 'lock');
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const write = (holder: object) => writeFileSync(path, JSON.stringify({ id: 'x', ...holder }));
const dead = () => spawnSync(process.execPath, ['-e', '']).pid;

describe('a lock', () => {
  it('is there while it is held, and free when the work fails', async () => {
    const work = withLock(path, async () => {
      expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() });
      throw new Error('broken');
    });
    await expect(work).rejects.toThrow('broken');
    expect(await readdir(folder)).toEqual([]);
  });

  it('keeps others out, naming process and machine', async () => {
    const lock = await acquireLock(path);
    await expect(acquireLock(path, { wait: false, activity: 'trains here' })).rejects.toMatchObject({
      code: 'E_BUSY',
      exitCode: 75,
      file: path,
      message: `process ${process.pid} on ${hostname()} trains here`,
    });
    await lock.release();
    await (await acquireLock(path, { wait: false })).release();
  });

  it('of a dead process is taken over', async () => {
    write({ pid: dead(), host: hostname() });
    await (await acquireLock(path, { wait: false })).release();
  });

  it.skipIf(!existsSync('/proc/self/stat'))(
    'of a process whose number now is that of another one is taken over',
    async () => {
      write({ pid: process.pid, host: hostname(), started: 'another boot 1' });
      await (await acquireLock(path, { wait: false })).release();
    },
  );

  it('of another machine holds, unless told how long it may be silent', async () => {
    write({ pid: dead(), host: 'elsewhere' });
    await expect(acquireLock(path, { wait: false })).rejects.toMatchObject({ code: 'E_BUSY' });
    const lock = await acquireLock(path, { wait: false, silentSeconds: 0 });
    await lock.assertHeld();
    await lock.release();
  });

  it('of another machine that shows that it lives holds', async () => {
    write({ pid: dead(), host: 'elsewhere' });
    const acquiring = acquireLock(path, {
      wait: false,
      silentSeconds: 60,
      onWait: () => utimesSync(path, 1, 1),
    });
    await expect(acquiring).rejects.toThrow('on elsewhere is at work here');
  });

  it('tells its holder that it was taken away or removed, and stays with the new one', async () => {
    const lock = await acquireLock(path);
    await lock.assertHeld();
    write({ pid: 7, host: 'elsewhere' });
    await expect(lock.assertHeld()).rejects.toThrow('process 7 on elsewhere');
    await lock.release();
    expect(await readdir(folder)).toEqual(['lock']);
    await rm(path);
    await expect(lock.assertHeld()).rejects.toMatchObject({ code: 'E_BUSY' });
  });
});

it('makeFolder makes what is missing, and says what is in the way', async () => {
  await makeFolder(join(folder, 'a', 'b'));
  await makeFolder(join(folder, 'a', 'b'));
  expect(await readdir(folder, { recursive: true })).toEqual(['a', join('a', 'b')]);
  writeFileSync(join(folder, 'file'), '');
  await expect(makeFolder(join(folder, 'file'))).rejects.toMatchObject({ code: 'E_CANNOT_CREATE' });
});
