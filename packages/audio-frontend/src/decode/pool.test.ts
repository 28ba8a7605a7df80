import { describe, expect, it } from 'vitest';
import { failure } from '../testing/helpers.js';
import type { Decoding } from './decoding.js';
import { createPool, guarded } from './pool.js';

function fakeLibrary() {
  const log: string[] = [];
  let made = 0;
  const load = async () => {
    const id = ++made;
    log.push(`load ${id}`);
    return { id, ready: Promise.resolve(), reset: async () => {}, free() {} };
  };
  return { log, pool: createPool('fake', load) };
}

describe('createPool', () => {
  it('loads one decoder and lets one file at a time use it, in order', async () => {
    const { log, pool } = fakeLibrary();
    const use = (name: string) =>
      pool(async ({ id }) => {
        log.push(`${name} starts with ${id}`);
        await Promise.resolve();
        log.push(`${name} ends`);
        return name;
      });
    expect(await Promise.all([use('a'), use('b'), use('c')])).toEqual(['a', 'b', 'c']);
    const turns = ['a', 'b', 'c'].flatMap((name) => [`${name} starts with 1`, `${name} ends`]);
    expect(log).toEqual(['load 1', ...turns]);
  });

  it('drops a decoder that failed', async () => {
    const { pool } = fakeLibrary();
    const broken = pool(async () => {
      throw new TypeError('broken');
    });
    const next = pool(async ({ id }) => id);
    await expect(broken).rejects.toThrow('broken');
    expect(await next).toBe(2);
  });

  it('says when a decoder cannot be loaded', async () => {
    const pool = createPool('fake', () => Promise.reject(new Error('no such package')));
    const error = await failure(() => pool(async () => 1));
    expect([error.code, error.message]).toEqual([
      'E_ENGINE',
      expect.stringMatching(/fake .*no such package/),
    ]);
  });
});

describe('guarded', () => {
  const decoding = (allowDamaged: boolean): Decoding => {
    return { bytes: new Uint8Array(0), file: 'x.ogg', maxSeconds: 1, allowDamaged, warnings: [] };
  };
  const raw = async () => {
    throw new ReferenceError('logError is not defined');
  };

  it('turns what a library throws into damage of the file', async () => {
    const error = await failure(() => guarded(decoding(false), 'Vorbis', raw));
    expect([error.code, error.file]).toEqual(['E_AUDIO_DAMAGED', 'x.ogg']);
    expect(error.cause).toBeInstanceOf(ReferenceError);
  });

  it('makes it a warning when damage is allowed', async () => {
    const lenient = decoding(true);
    await guarded(lenient, 'Vorbis', raw);
    expect(lenient.warnings).toEqual([expect.stringMatching(/Vorbis decoder failed \(logError/)]);
  });
});
