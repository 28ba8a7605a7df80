import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { pullArtefact } from './index.js';
import {
  artefact,
  at,
  BODY,
  CHECKED,
  cache,
  failure,
  isRight,
  left,
  pull,
  server,
  useServer,
} from './testing/fixture.js';
import { bytes, digestOf, faults } from './testing/server.js';

useServer();

describe('a download', () => {
  it('gives the file, checked, and a record of it, and nothing else', async () => {
    const { folder, files } = await pull();
    expect(folder).toBe(join(cache, 'test'));
    expect(files).toEqual([
      {
        name: 'w.bin',
        path: at('w.bin'),
        url: `${server.url}/w.bin`,
        bytes: BODY.length,
        sha256: CHECKED.sha256,
        md5: digestOf(BODY, 'md5'),
        check: 'sha256',
        downloaded: true,
      },
    ]);
    expect(await isRight()).toBe(true);
    expect(await left()).toEqual(['pull.json', 'w.bin']);
    expect(JSON.parse(await readFile(at('pull.json'), 'utf8'))).toMatchObject({
      name: 'test',
      files: { 'w.bin': { sha256: CHECKED.sha256, check: 'sha256' } },
    });
  });

  it('is not done again for a file that is there, which is checked instead, without the lock', async () => {
    await pull();
    await writeFile(at('.lock'), JSON.stringify({ pid: 1, host: 'elsewhere' }));
    const again = await pull(artefact(), { wait: false });
    expect(again.files[0]).toMatchObject({ downloaded: false, check: 'sha256' });
    expect(server.requests).toHaveLength(1);
  });

  it('fetches only what is missing of several files', async () => {
    server.content.set('/b.json', Buffer.from('{}'));
    const two = artefact(CHECKED, {
      files: [
        { name: 'w.bin', path: 'w.bin', ...CHECKED },
        { name: 'b.json', path: 'b.json' },
      ],
    });
    await pull();
    const { files } = await pull(two);
    expect(files.map(({ downloaded }) => downloaded)).toEqual([false, true]);
    expect(server.requests).toEqual(['GET /w.bin', 'GET /b.json']);
  });

  it('compares an md5 when only that is published, and nothing when nothing is', async () => {
    const byMd5 = await pull(artefact({ md5: digestOf(BODY, 'md5') }));
    expect(byMd5.files[0]).toMatchObject({ check: 'md5', sha256: CHECKED.sha256 });
    await rm(cache, { recursive: true });
    await expect(pull(artefact({ md5: digestOf(bytes(3), 'md5') }))).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringContaining('md5'),
    });
    expect((await pull(artefact({}))).files[0]).toMatchObject({ check: 'none', sha256: CHECKED.sha256 });
  });

  it('reports progress up to the whole', async () => {
    const seen: (number | undefined)[][] = [];
    server.content.set('/w.bin', bytes(3_000_000));
    await pull(artefact({}), {
      progress: () => ({ update: (done, total) => void seen.push([done, total]), end() {} }),
    });
    expect(seen[0]).toEqual([0, 3]);
    expect(seen.at(-1)).toEqual([3, 3]);
  });

  it('takes the base URL from PENGI_PULL_BASE_URL', async () => {
    vi.stubEnv('PENGI_PULL_BASE_URL', `${server.url}/`);
    await pullArtefact(artefact(), { cache });
    expect(server.requests).toEqual(['GET /w.bin']);
  });

  it.each(['mirror', 'ftp://mirror.example', 'http://user:secret@127.0.0.1'])(
    'refuses %s as base URL',
    async (baseUrl) => {
      const error = await failure(pull(artefact(), { baseUrl }));
      expect(error).toMatchObject({ code: 'E_USAGE' });
      expect(error.line).not.toContain('secret');
    },
  );
});

describe('a server that lies', () => {
  it('about the bytes: they are refused and removed', async () => {
    server.faults.push(faults.corrupt);
    const error = await failure(pull());
    expect(error).toMatchObject({ code: 'E_CHECKPOINT', exitCode: 65 });
    expect(error.message).toContain(CHECKED.sha256);
    expect(await left()).toEqual([]);
  });

  it('about the length, with a published size: noticed before anything is received', async () => {
    server.faults.push(faults.lieAboutLength(10));
    await expect(pull()).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringMatching(/10 bytes.*100000/),
    });
    expect(existsSync(at('w.bin'))).toBe(false);
  });

  it('about the length, too little, with a published checksum only', async () => {
    server.faults.push(faults.lieAboutLength(10));
    await expect(pull(artefact({ sha256: CHECKED.sha256 }))).rejects.toMatchObject({ code: 'E_CHECKPOINT' });
    expect(await left()).toEqual([]);
  });

  it('about the length, too much: the end is noticed although nothing is published', async () => {
    // Many times: a connection that closes early may bring less than the last one, and progress starts the count anew.
    for (let i = 0; i < 30; i++) server.faults.push(faults.lieAboutLength(200_000));
    await expect(pull(artefact({}))).rejects.toMatchObject({ code: 'E_IO' });
    expect(existsSync(at('w.bin'))).toBe(false);
  });

  it('by saying no length: the published size is the limit', async () => {
    server.faults.push(faults.noLength, faults.noLength);
    await pull();
    await rm(at('w.bin'));
    await expect(pull(artefact({ size: 99_999 }))).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringContaining('more than the 99999'),
    });
  });

  it('by giving a web page instead', async () => {
    server.faults.push(faults.webPage);
    await expect(pull(artefact({}))).rejects.toMatchObject({
      code: 'E_IO',
      message: expect.stringContaining('web page'),
    });
    expect(existsSync(at('w.bin'))).toBe(false);
  });
});

describe('the disk', () => {
  it('is looked at before: a file that cannot fit is refused', async () => {
    server.faults.push(faults.lieAboutLength(2 ** 52));
    await expect(pull(artefact({}))).rejects.toMatchObject({
      code: 'E_DISK_FULL',
      exitCode: 74,
      message: expect.stringContaining('4.5 PB'),
    });
  });

  it.skipIf(!existsSync('/dev/full'))('that fills up meanwhile is E_DISK_FULL', async () => {
    await mkdir(join(cache, 'test'));
    await symlink('/dev/full', at('.w.bin.partial'));
    await expect(pull()).rejects.toMatchObject({ code: 'E_DISK_FULL' });
    expect(server.requests).toHaveLength(1);
  });

  it('that cannot be written is E_CANNOT_CREATE', async () => {
    await writeFile(join(cache, 'test'), 'a file where the folder should be');
    await expect(pull()).rejects.toMatchObject({ code: 'E_CANNOT_CREATE', exitCode: 73 });
  });

  it('that has changed a file of which nothing is published, is noticed by the record', async () => {
    await pull(artefact({}));
    await writeFile(at('w.bin'), bytes(100_000));
    await expect(pull(artefact({}))).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringContaining('has changed'),
    });
  });
});
