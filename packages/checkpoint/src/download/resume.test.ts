import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PengiError } from '@pengi/core';
import { describe, expect, it } from 'vitest';
import {
  artefact,
  at,
  BODY,
  cache,
  failure,
  isRight,
  leavePartial,
  left,
  pull,
  server,
  useServer,
  whenGrown,
} from './testing/fixture.js';
import { bytes, etagOf, faults } from './testing/server.js';

useServer();

describe('redirects', () => {
  it('are followed, with what was asked for', async () => {
    server.content.set('/elsewhere', BODY);
    await leavePartial(BODY.subarray(0, 50_000), { url: `${server.url}/w.bin`, etag: etagOf(BODY) });
    server.faults.push(faults.redirect('/elsewhere'));
    await pull();
    expect(server.requests).toEqual(['GET /w.bin bytes=50000-', 'GET /elsewhere bytes=50000-']);
  });

  it('to files and in circles are refused', async () => {
    server.faults.push(faults.redirect('file:///etc/passwd'));
    await expect(pull()).rejects.toMatchObject({ code: 'E_IO', message: expect.stringContaining('file:') });
    for (let i = 0; i < 30; i++) server.faults.push(faults.redirect('/w.bin'));
    await expect(pull(artefact(), { retries: 0 })).rejects.toMatchObject({
      code: 'E_IO',
      message: expect.stringContaining('redirects'),
    });
  });
});

describe('a connection that breaks', () => {
  it('is taken up where it broke, twice', async () => {
    server.faults.push(faults.stall(30_000), faults.stall(20_000));
    const said: string[] = [];
    const progress = whenGrown(2, () => server.drop());
    await pull(artefact(), { progress, say: (line) => void said.push(line) });
    expect(await isRight()).toBe(true);
    expect(server.requests[0]).toBe('GET /w.bin');
    expect(server.requests).toHaveLength(3);
    for (const request of server.requests.slice(1)) expect(request).toMatch(/^GET \/w\.bin bytes=[1-9]\d*-$/);
    expect(said).toHaveLength(2);
  });

  it('is given up after the allowed attempts without progress, and what has come is kept', async () => {
    server.faults.push(faults.stall(30_000), faults.hangUp, faults.hangUp);
    const progress = whenGrown(1, () => server.drop());
    const failing = await failure(pull(artefact(), { progress }));
    expect(failing).toMatchObject({ code: 'E_IO', exitCode: 74, file: at('w.bin') });
    expect(failing.line).toContain('kept');
    expect(server.requests).toHaveLength(3);
    expect(await left()).toEqual(['.w.bin.partial', '.w.bin.partial.json']);
    await pull();
    expect(server.requests.at(-1)).toMatch(/bytes=[1-9]/);
    expect(await left()).toEqual(['pull.json', 'w.bin']);
  });

  it('is tried again after HTTP 503, not after 403 and 404', async () => {
    server.faults.push(faults.status(503));
    await pull();
    expect(server.requests).toHaveLength(2);
    await rm(at('w.bin'));
    server.faults.push(faults.status(403));
    await expect(pull()).rejects.toMatchObject({ code: 'E_IO', message: expect.stringContaining('403') });
    await expect(pull(artefact({ path: 'nothing' }))).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      exitCode: 66,
    });
    expect(server.requests).toHaveLength(4);
  });

  it('names the address and the place for the file when the server cannot be reached, at once', async () => {
    await server.close();
    const said: string[] = [];
    const error = await failure(pull(artefact(), { retries: 9, say: (line) => void said.push(line) }));
    expect(error).toMatchObject({ code: 'E_IO', file: at('w.bin') });
    expect(error.line).toContain('ECONNREFUSED');
    expect(error.hint).toContain(`${server.url}/w.bin`);
    expect(said).toEqual([]);
  });

  it('takes a file that was put there by hand, after checking it', async () => {
    await server.close();
    await mkdir(join(cache, 'test'));
    await writeFile(at('w.bin'), BODY);
    expect((await pull()).files[0]).toMatchObject({ downloaded: false, check: 'sha256' });
    await writeFile(at('w.bin'), bytes(100_000));
    await expect(pull()).rejects.toMatchObject({ code: 'E_CHECKPOINT', file: at('w.bin') });
    expect(existsSync(at('w.bin'))).toBe(true); // it is not ours to remove
  });

  it('is aborted by the signal; the partial file stays and the next call goes on', async () => {
    const controller = new AbortController();
    server.faults.push(faults.stall(40_000));
    const progress = whenGrown(1, () =>
      controller.abort(new PengiError('E_INTERRUPTED', 'stopped by SIGINT')),
    );
    const error = await failure(pull(artefact(), { progress, signal: controller.signal }));
    expect(error).toMatchObject({ code: 'E_INTERRUPTED', hint: expect.stringContaining('goes on') });
    expect(await left()).toEqual(['.w.bin.partial', '.w.bin.partial.json']);
    await pull();
    expect(await isRight()).toBe(true);
  });
});

describe('going on with a partial file', () => {
  const half = BODY.subarray(0, 50_000);

  it('asks for the rest only', async () => {
    await leavePartial(half, { url: `${server.url}/w.bin`, etag: etagOf(BODY) });
    await pull(artefact({}));
    expect(server.requests).toEqual(['GET /w.bin bytes=50000-']);
    expect(await isRight()).toBe(true);
  });

  it('starts anew when the file of the server has changed since', async () => {
    await leavePartial(bytes(50_000), { url: `${server.url}/w.bin`, etag: '"older"' });
    await pull(artefact({}));
    expect(server.requests).toEqual(['GET /w.bin bytes=50000-']);
    expect(await isRight()).toBe(true);
  });

  it('starts anew when the bytes are of unknown origin and nothing could judge them', async () => {
    await leavePartial(half, { url: 'https://elsewhere.invalid/w.bin', etag: etagOf(BODY) });
    await pull(artefact({}));
    expect(server.requests).toEqual(['GET /w.bin']);
  });

  it('takes bytes of another mirror when a checksum will judge them, and refuses the file if they were wrong', async () => {
    await leavePartial(half, { url: 'https://elsewhere.invalid/w.bin' });
    await pull();
    expect(server.requests).toEqual(['GET /w.bin bytes=50000-']);
    await rm(at('w.bin'));
    await leavePartial(bytes(50_000), { url: 'https://elsewhere.invalid/w.bin' });
    await expect(pull()).rejects.toMatchObject({ code: 'E_CHECKPOINT' });
    expect(await left()).toEqual(['pull.json']);
  });

  it('starts anew when the server ignores the range', async () => {
    await leavePartial(half, { url: `${server.url}/w.bin`, etag: etagOf(BODY) });
    server.faults.push(faults.ignoreRange);
    await pull();
    expect(await isRight()).toBe(true);
  });

  it('starts anew when the server gives another range than asked for', async () => {
    await leavePartial(half, { url: `${server.url}/w.bin`, etag: etagOf(BODY) });
    server.faults.push(faults.wrongRange);
    await pull();
    expect(server.requests).toEqual(['GET /w.bin bytes=50000-', 'GET /w.bin']);
    expect(await isRight()).toBe(true);
  });

  it('is content when the server says that the bytes at hand are all, whose number is not published', async () => {
    await leavePartial(BODY, { url: `${server.url}/w.bin`, etag: etagOf(BODY) });
    await pull(artefact({}));
    expect(server.requests).toEqual(['GET /w.bin bytes=100000-']);
    expect(await isRight()).toBe(true);
  });

  it('asks for nothing when all is there, and starts anew when there is too much', async () => {
    await leavePartial(BODY, { url: `${server.url}/w.bin`, etag: etagOf(BODY) });
    await pull();
    expect(server.requests).toEqual([]);
    await rm(at('w.bin'));
    await leavePartial(bytes(200_000), { url: `${server.url}/w.bin`, etag: etagOf(BODY) });
    await pull(artefact({}));
    expect(server.requests).toEqual(['GET /w.bin bytes=200000-', 'GET /w.bin']);
    expect(await isRight()).toBe(true);
  });
});
