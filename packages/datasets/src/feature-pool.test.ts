import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import type { FileRequest } from './feature-extractor.js';
import { createFeaturePool } from './feature-pool.js';
import { failure } from './testing/files.js';

/** A thread that answers each request with `answer`, an expression of `request`. */
function thread(answer: string): Worker {
  const code = `
    const { parentPort } = require('node:worker_threads');
    let running = 0;
    parentPort.on('message', (request) => {
      running++;
      setImmediate(() => {
        parentPort.postMessage(${answer});
        running--;
      });
    });`;
  return new Worker(code, { eval: true });
}

const ECHO = '{ logMels: [], warnings: [request.audio, String(running)], fromCache: 0 }';

function request(audio: string): FileRequest {
  return { audio, variants: [], allowDamaged: false, maxSeconds: 1 };
}

describe('the pool', () => {
  it('answers each request, gives a thread one at a time, and starts no more threads than allowed', async () => {
    let started = 0;
    const pool = createFeaturePool(2, () => {
      started++;
      return thread(ECHO);
    });
    const names = Array.from({ length: 20 }, (_, i) => `${i}.wav`);
    const replies = await Promise.all(names.map((name) => pool.extract(request(name))));
    expect(replies).toEqual(names.map((name) => ({ logMels: [], warnings: [name, '1'], fromCache: 0 })));
    expect(started).toBe(2);
    await pool.close();
  });

  it('starts no thread that is not needed', async () => {
    let started = 0;
    const pool = createFeaturePool(8, () => {
      started++;
      return thread(ECHO);
    });
    for (const name of ['a', 'b', 'c']) await pool.extract(request(name));
    expect(started).toBe(1);
    await pool.close();
  });

  it.each([
    [
      'ends',
      () =>
        new Worker("require('node:worker_threads').parentPort.on('message', () => process.exit(3))", {
          eval: true,
        }),
      /ended: exit code 3/,
    ],
    ['throws', () => thread("(() => { throw new Error('out of order') })()"), /ended: out of order/],
    [
      'rejects',
      () =>
        new Worker(
          "require('node:worker_threads').parentPort.on('message', async () => { throw new Error('rejected') })",
          { eval: true },
        ),
      /ended: rejected/,
    ],
    [
      'cannot be made',
      () => {
        throw new Error('no memory');
      },
      /ended: no memory/,
    ],
    ['cannot start', () => new Worker('syntax error', { eval: true }), /ended: /],
  ])('reports a thread that %s, and goes on with another', async (_, broken, message) => {
    let started = 0;
    const pool = createFeaturePool(1, () => (started++ === 0 ? broken() : thread(ECHO)));
    const [first, second] = await Promise.allSettled([
      pool.extract(request('a')),
      pool.extract(request('b')),
    ]);
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'E_WORKER', file: 'a' } });
    expect((first as PromiseRejectedResult).reason.message).toMatch(message);
    expect(second).toMatchObject({ status: 'fulfilled', value: { warnings: ['b', '1'] } });
    await pool.close();
  });

  it('hands typed errors on as they were', async () => {
    const data = "{ code: 'E_AUDIO_FORMAT', message: 'm', file: 'f', hint: 'h' }";
    const failing = createFeaturePool(1, () => thread(`{ failure: ${data} }`));
    const expected = { code: 'E_AUDIO_FORMAT', message: 'm', file: 'f', hint: 'h', exitCode: 65 };
    expect(await failing.extract(request('a'))).toMatchObject({ failure: expected });
    await failing.close();
    const broken = createFeaturePool(1, () => thread(`{ error: ${data} }`));
    expect(await failure(broken.extract(request('a')))).toMatchObject(expected);
    await broken.close();
  });

  it('ends its threads when it is closed, and refuses what was asked and what comes', async () => {
    const threads: Worker[] = [];
    const pool = createFeaturePool(1, () => {
      const silent = new Worker("require('node:worker_threads').parentPort.on('message', () => {})", {
        eval: true,
      });
      threads.push(silent);
      return silent;
    });
    const asked = Promise.allSettled([pool.extract(request('a')), pool.extract(request('b'))]);
    await pool.close();
    for (const result of await asked)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'E_USAGE' } });
    expect(await failure(pool.extract(request('c')))).toMatchObject({ code: 'E_USAGE' });
    expect(threads.map(({ threadId }) => threadId)).toEqual([-1]);
  });
});
