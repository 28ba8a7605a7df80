import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failure } from '../testing/files.js';
import { BLOCK, encodeHeader, padded, parseHeader } from './header.js';
import { readFrom, type TarMember, tarMembers } from './members.js';

/** Made by Python's tarfile and by webdataset; the README of the folder is `make.py`. */
const FIXTURES = fileURLToPath(new URL('../../fixtures/tar', import.meta.url));
const fixture = (name: string) => readFileSync(join(FIXTURES, `${name}.tar`));
const expected = JSON.parse(readFileSync(join(FIXTURES, 'expected.json'), 'utf8')) as {
  members: Record<string, [name: string, start: number, offset: number, bytes: number, isFile: boolean][]>;
};

async function membersOf(bytes: Uint8Array): Promise<TarMember[]> {
  const members: TarMember[] = [];
  for await (const member of tarMembers(readFrom(bytes), bytes.length, 'x.tar')) members.push(member);
  return members;
}

function tarOf(...parts: Uint8Array[]): Buffer {
  return Buffer.concat([...parts, new Uint8Array(2 * BLOCK)]);
}

function member(
  name: string,
  body: Uint8Array | string,
  change: (header: Buffer) => void = () => {},
): Buffer {
  const bytes = Buffer.from(body as Uint8Array);
  const header = Buffer.from(encodeHeader(name, bytes.length));
  change(header);
  return Buffer.concat([sealed(header), bytes, Buffer.alloc(padded(bytes.length) - bytes.length)]);
}

/** With the right checksum. */
function sealed(header: Buffer): Buffer {
  header.write('        ', 148, 'ascii');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'ascii');
  return header;
}

const typed = (type: string) => (header: Buffer) => void header.write(type, 156, 'ascii');

describe('the members of a tar', () => {
  it.each(Object.keys(expected.members))('are those that Python finds in %s.tar', async (name) => {
    const found = await membersOf(fixture(name));
    expect(
      found.map(({ name, offset, bytes, isFile }) => [name.replace(/\/$/, ''), offset, bytes, isFile]),
    ).toEqual(
      // Python takes a hard link for a regular file; it has no bytes of its own.
      expected.members[name]!.map(([name, , offset, bytes, isFile]) => [
        name,
        offset,
        bytes,
        isFile && name !== 'hard.wav',
      ]),
    );
  });

  it('begin where their first header does, so that a cut can be read alone', async () => {
    for (const name of ['gnu', 'pax']) {
      const bytes = fixture(name);
      for (const { start, end, name: called } of await membersOf(bytes))
        expect((await membersOf(bytes.subarray(start, end))).map((member) => member.name)).toEqual([called]);
    }
  });

  it('may have headers as long as the format allows', async () => {
    const large = Buffer.from(encodeHeader('a.wav', 0));
    large.fill(0, 124, 136).writeUInt8(0x80, 124); // base 256
    large.writeUIntBE(2 ** 36 + 5, 130, 6);
    expect(parseHeader(sealed(large))).toMatchObject({ bytes: 2 ** 36 + 5 });
  });
});

describe('a hostile tar', () => {
  const good = member('a.wav', 'abc');
  const cases: [string, Uint8Array, RegExp][] = [
    [
      'a wrong checksum',
      tarOf(good.with(3, 65) as Uint8Array),
      /x\.tar@0: is no tar header: its checksum is wrong/,
    ],
    ['a header that is cut', good.subarray(0, 400), /x\.tar@0: ends within a header, after 400 bytes/],
    [
      'a body that is cut',
      member('b.wav', new Uint8Array(2000)).subarray(0, 1500),
      /"b\.wav" should have 2000 bytes, 988 are there/,
    ],
    [
      'a size beyond all files',
      tarOf(member('a.wav', '', (header) => void header.write('77777777777\0', 124, 'ascii'))),
      /should have 8589934591 bytes, 1024 are there/,
    ],
    [
      'a negative size',
      tarOf(member('a.wav', '', (header) => void header.fill(0xff, 124, 136))),
      /a header without a usable size/,
    ],
    [
      'a size that no number holds',
      tarOf(
        member('a.wav', '', (header) => {
          header.fill(0xff, 124, 136);
          header[124] = 0x80;
        }),
      ),
      /a header without a usable size/,
    ],
    ['gzip', Buffer.concat([Buffer.of(0x1f, 0x8b), Buffer.alloc(1000)]), /gunzip it first/],
    ['text', Buffer.alloc(2000, 'audio,prompt,target\n'), /is no tar header/],
    ['a sparse file', tarOf(member('a.wav', 'abc', typed('S'))), /a sparse file/],
    [
      'a sparse file by pax',
      tarOf(member('h', '22 GNU.sparse.major=1\n', typed('x')), good),
      /a sparse file/,
    ],
    [
      'a long name of a megabyte',
      tarOf(member('n', Buffer.alloc(2 ** 20, 97), typed('L')), good),
      /an extended header of 1048576 bytes; at most 65536/,
    ],
    [
      'a pax header that lies about its length',
      tarOf(member('h', '99 path=b.wav\n', typed('x')), good),
      /a pax header that cannot be read/,
    ],
    [
      'a pax header without an end',
      tarOf(member('h', '13 path=b.wa', typed('x')), good),
      /a pax header that cannot be read/,
    ],
    [
      'a pax header of zeros',
      tarOf(member('h', Buffer.alloc(30), typed('x')), good),
      /a pax header that cannot be read/,
    ],
    [
      'a global header that renames all',
      tarOf(member('h', '14 path=b.wav\n', typed('g')), good),
      /a global pax header that renames/,
    ],
  ];
  it.each(cases)('with %s is refused', async (_, bytes, message) => {
    const error = await failure(membersOf(bytes));
    expect(error.code).toBe('E_DATA');
    expect(error.line).toMatch(message);
  });

  it('with any bit flipped in a header is refused or reads as the same', async () => {
    const bytes = tarOf(good);
    const whole = await membersOf(bytes);
    for (let bit = 0; bit < BLOCK * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const found = await membersOf(changed).catch((error: unknown) => error);
      // Bits of the checksum field itself can turn a digit into a blank or zero beside it.
      if (Array.isArray(found)) expect([found, bit >> 3 >= 148 && bit >> 3 < 156]).toEqual([whole, true]);
      else expect(found).toMatchObject({ code: 'E_DATA' });
    }
  });

  it('of any bytes ends with members or an error of ours', async () => {
    const bases = [fixture('gnu'), fixture('pax'), fixture('webdataset-000000')];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...bases),
        fc.array(fc.tuple(fc.nat({ max: 10_000 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 20 }),
        fc.nat({ max: 20_480 }),
        async (base, changes, length) => {
          const bytes = Buffer.from(base.subarray(0, length));
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
          const found = await membersOf(bytes).catch((error: unknown) => error);
          if (!Array.isArray(found)) expect(found).toMatchObject({ code: 'E_DATA' });
        },
      ),
      { seed: 5, numRuns: 500 },
    );
  });
});

describe('a header that is written', () => {
  it('is read back, and always the same', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9./-]{1,100}$/), fc.nat({ max: 8 ** 11 - 1 }), (name, bytes) => {
        expect(parseHeader(encodeHeader(name, bytes))).toEqual({ name, bytes, type: '0' });
      }),
      { seed: 6 },
    );
    expect(encodeHeader('a.wav', 5)).toEqual(encodeHeader('a.wav', 5));
  });
});
