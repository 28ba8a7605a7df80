import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileError, formatSeconds, startWorker, writeFileAtomic } from './index.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pengi-core-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('writeFileAtomic', () => {
  it('replaces a file and leaves nothing else', async () => {
    const path = join(folder, 'a.json');
    await writeFile(path, 'old');
    await writeFileAtomic(path, 'new');
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(folder)).toEqual(['a.json']);
  });

  it('keeps the old content when writing fails half way', async () => {
    const path = join(folder, 'a.json');
    await writeFile(path, 'old');
    const failing = writeFileAtomic(path, async (file) => {
      await file.write('half');
      throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    });
    await expect(failing).rejects.toMatchObject({ code: 'E_DISK_FULL', file: path });
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['a.json']);
  });

  it('says when the folder is missing', async () => {
    await expect(writeFileAtomic(join(folder, 'no', 'a'), 'x')).rejects.toMatchObject({
      code: 'E_CANNOT_CREATE',
    });
  });
});

describe('fileError', () => {
  const reading = (path: string) =>
    readFile(path).catch((error: unknown) => fileError(error, path, 'read').line);

  it('names a file that does not exist and the folder from which its path counts', async () => {
    expect(await reading('no.wav')).toBe(
      `E_NOT_FOUND no.wav: does not exist; relative paths count from the current folder, ${process.cwd()}`,
    );
    const path = join(folder, 'no.wav');
    expect(await reading(path)).toBe(`E_NOT_FOUND ${path}: does not exist; check its spelling`);
  });

  it('says what to do about a missing folder of an output', async () => {
    const path = join(folder, 'no', 'a.json');
    const error = await writeFile(path, '').catch((cause: unknown) => fileError(cause, path, 'written'));
    expect(error).toMatchObject({ code: 'E_CANNOT_CREATE', hint: `create ${join(folder, 'no')}` });
  });

  it('takes a path that cannot be followed for a missing file', async () => {
    expect(await reading('x'.repeat(5000))).toMatch(/^E_NOT_FOUND .*ENAMETOOLONG/);
  });

  it('tells folders from files', async () => {
    const path = join(folder, 'a.json');
    await writeFile(path, '');
    const error = await mkdir(path, { recursive: true }).catch((cause: unknown) =>
      fileError(cause, path, 'written'),
    );
    expect(error).toMatchObject({ code: 'E_CANNOT_CREATE', message: 'something else is in its place' });
    expect(await reading(folder)).toBe(`E_NOT_FOUND ${folder}: is a folder, not a file`);
  });
});

describe('startWorker', () => {
  /** Starts `worker`, of which only a version with this extension is there, as a module beside it would. */
  async function answerOf(extension: string, source: string): Promise<unknown> {
    const place = join(folder, "it's here"); // a path that has to be quoted
    await mkdir(place);
    await writeFile(join(place, `worker.${extension}`), source);
    await writeFile(join(place, 'package.json'), '{ "type": "module" }');
    const callerUrl = pathToFileURL(join(place, `caller.${extension}`)).href;
    const worker = startWorker(callerUrl, 'worker', { workerData: 20 });
    try {
      return (await once(worker, 'message'))[0];
    } finally {
      await worker.terminate();
    }
  }

  it('runs built JavaScript', async () => {
    const source = `
      import { parentPort, workerData } from 'node:worker_threads';
      parentPort.postMessage(workerData + 1);`;
    expect(await answerOf('js', source)).toBe(21);
  });

  it('runs TypeScript source, also what cannot be had by leaving out types', async () => {
    const source = `
      import { parentPort, workerData } from 'node:worker_threads';
      enum Step { One = 1, Two }
      parentPort!.postMessage((workerData as number) + Step.Two);`;
    expect(await answerOf('ts', source)).toBe(22);
  });
});

describe('formatSeconds', () => {
  it.each([
    [5, '0:05'],
    [75, '1:15'],
    [4000, '1:06:40'],
  ])('%d s is %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });
});
