import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEventFile } from './index.js';
import { crc32c, frame } from './record.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-events-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** The signature, the length and name of the first chunk, width 3 and height 2: what is read of a PNG. */
const png = Buffer.from('89504e470d0a1a0a0000000d494844520000000300000002', 'hex');

describe('crc32c', () => {
  it("is RFC 3720's", () => {
    // appendix B.4: 32 bytes of zeros, of ones, ascending; and the usual check value of the polynomial
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
  });
});

describe('openEventFile', () => {
  it('writes the bytes that TensorBoard 2.21 writes for the same events', async () => {
    // from its RecordWriter and protocol buffers, in Python
    const theirs = [
      '1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c',
      '0f000000000000006d532b0909000000000000f83f10073a020801774771c7',
      '9700000000000000e47640f309000000000000f83f10f0a2042a87010a0b0a046c6f737315000020400a210a0473616964420f080712041202080142056120646f674a080a060a04746578740a280a04636c69702220080210031803221889504e470d0a1a0a0000000d4948445200000003000000020a2b0a0d7468652073616d6520636c6970321a0d00007a46100118042204524946462a09617564696f2f776176df5e3d6a',
    ];
    const file = await openEventFile(dir, { firstStep: 7, now: () => 1.5 });
    await file.add(70000, {
      scalars: { loss: 2.5 },
      texts: { said: 'a dog' },
      images: { clip: png },
      sounds: { 'the same clip': { wav: Buffer.from('RIFF'), sampleRate: 16000, channels: 1, frames: 4 } },
    });
    await file.close();
    expect((await readFile(file.path)).toString('hex')).toBe(theirs.join(''));
  });

  it('appends in the order of the calls, whether they are waited for or not', async () => {
    const file = await openEventFile(dir);
    const start = (await readFile(file.path)).length;
    const added = Array.from({ length: 50 }, (_, step) => file.add(step, { scalars: { x: step } }));
    await Promise.all(added);
    await file.close();
    const bytes = (await readFile(file.path)).subarray(start);
    // the record of step 0 lacks the field of the step
    const steps = [];
    for (let at = 0; at < bytes.length; at += 16 + bytes.readUInt32LE(at)) {
      const content = bytes.subarray(at + 12, at + 12 + bytes.readUInt32LE(at));
      expect(bytes.subarray(at, at + 16 + content.length)).toEqual(Buffer.from(frame(content)));
      steps.push(content[9] === 0x10 ? content[10] : 0);
    }
    expect(steps).toEqual(Array.from({ length: 50 }, (_, step) => step));
  });

  it('gives files of one second names whose order is that of their start', async () => {
    const paths = [];
    for (let start = 0; start < 12; start++) {
      const file = await openEventFile(dir, { now: () => 1_700_000_000 });
      paths.push(file.path);
      await file.close();
    }
    expect((await readdir(dir)).sort().map((name) => join(dir, name))).toEqual(paths);
  });

  it('refuses a tag of two kinds, of which TensorBoard would show one', async () => {
    const file = await openEventFile(dir);
    await file.add(1, { scalars: { clip: 1 } });
    await expect(file.add(2, { texts: { clip: 'a' } })).rejects.toMatchObject({ code: 'E_USAGE' });
    await expect(file.add(3, { scalars: { clip: 2 } })).resolves.toBeUndefined();
    await file.close();
  });

  it('refuses an image that is no PNG', async () => {
    const file = await openEventFile(dir);
    await expect(file.add(1, { images: { clip: Buffer.from('GIF89a') } })).rejects.toMatchObject({
      code: 'E_USAGE',
    });
    await file.close();
  });

  it('that cannot be written is a typed error', async () => {
    const { path, close } = await openEventFile(dir);
    await close();
    await expect(openEventFile(join(path, 'below'))).rejects.toMatchObject({ code: 'E_CANNOT_CREATE' });
  });
});
