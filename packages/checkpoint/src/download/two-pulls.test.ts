import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { PengiError } from '@pengi/core';
import { describe, expect, it, vi } from 'vitest';
import { artefact, at, cache, failure, isRight, left, pull, server, useServer } from './testing/fixture.js';
import { faults, startProxy } from './testing/server.js';

useServer();

describe('two pulls of the same', () => {
  /** Starts a pull and gives it when the server has sent the first bytes, and what lets the server go on. */
  async function startStalled(): Promise<{ first: Promise<unknown>; release: () => void }> {
    let release = () => {};
    let first: Promise<unknown> = Promise.resolve();
    await new Promise<void>((begun) => {
      server.faults.push(({ response, body }) => {
        response.writeHead(200, { 'content-length': body.length });
        response.write(body.subarray(0, 10), () => begun());
        release = () => void response.end(body.subarray(10));
      });
      first = pull();
    });
    return { first, release };
  }

  it('download once: the second waits, says so, and then takes what is there', async () => {
    const { first, release } = await startStalled();
    const said: string[] = [];
    const second = pull(artefact(), {
      say: (line) => {
        said.push(line);
        release();
      },
    });
    await first;
    expect((await second).files[0]).toMatchObject({ downloaded: false, check: 'sha256' });
    expect(said).toEqual([expect.stringMatching(`process ${process.pid} on .* waiting`)]);
    expect(server.requests).toEqual(['GET /w.bin']);
    expect(await left()).toEqual(['pull.json', 'w.bin']);
  });

  it('or the second is refused, naming the process; aborting ends its waiting', async () => {
    const { first, release } = await startStalled();
    await expect(pull(artefact(), { wait: false })).rejects.toMatchObject({
      code: 'E_BUSY',
      exitCode: 75,
      message: expect.stringContaining(String(process.pid)),
    });
    const controller = new AbortController();
    const waiting = pull(artefact(), {
      signal: controller.signal,
      say: () => controller.abort(new PengiError('E_INTERRUPTED', 'stopped')),
    });
    await expect(waiting).rejects.toMatchObject({ code: 'E_INTERRUPTED' });
    release();
    await first;
  });

  it('take over the lock of a process that is dead, and respect that of another machine', async () => {
    await mkdir(join(cache, 'test'));
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    await writeFile(at('.lock'), JSON.stringify({ pid, host: hostname(), id: 'x' }));
    await pull(artefact(), { wait: false });
    expect(await left()).toEqual(['pull.json', 'w.bin']);

    await rm(at('w.bin'));
    await writeFile(at('.lock'), JSON.stringify({ pid, host: 'elsewhere', id: 'x' }));
    await expect(pull(artefact(), { wait: false })).rejects.toMatchObject({ code: 'E_BUSY' });
    expect(existsSync(at('.lock'))).toBe(true);
  });

  it('free the lock when they fail', async () => {
    server.faults.push(faults.corrupt);
    await expect(pull()).rejects.toMatchObject({ code: 'E_CHECKPOINT' });
    await pull(artefact(), { wait: false });
  });
});

describe('proxies', () => {
  it('are used as HTTP_PROXY says, except for the hosts of NO_PROXY', async () => {
    const proxy = await startProxy(server.url);
    try {
      vi.stubEnv('HTTP_PROXY', proxy.url);
      await pull(artefact(), { baseUrl: 'http://weights.invalid' });
      expect(proxy.used).toEqual(['http://weights.invalid/w.bin']);
      expect(await isRight()).toBe(true);
      await rm(at('w.bin'));
      vi.stubEnv('NO_PROXY', '127.0.0.1');
      await pull();
      expect(proxy.used).toHaveLength(1);
    } finally {
      await proxy.close();
    }
  });

  it('with a wrong address are E_USAGE', async () => {
    vi.stubEnv('HTTP_PROXY', 'no address:secret');
    const error = await failure(pull());
    expect(error).toMatchObject({ code: 'E_USAGE' });
    expect(error.line).not.toContain('secret');
  });
});
