/** For the tests: a wheel of some hundred kB, and the release that it is. */
import { createHash } from 'node:crypto';
import { crc32, deflateRawSync } from 'node:zlib';
import type { Release } from '../releases.js';

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Bytes that deflate makes little smaller. */
export function noise(length: number, seed: number): Buffer {
  let state = seed;
  const bytes = Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 26;
  });
  return Buffer.from(bytes.buffer);
}

export const LIBRARIES: Readonly<Record<string, Buffer>> = {
  'tensorflow/libtensorflow_framework.so.2': noise(300_000, 1),
  'tensorflow/libtensorflow_cc.so.2': noise(700_000, 2),
};

/** A zip file of these entries, deflated (APPNOTE.TXT 4.3). */
export function zipOf(entries: Readonly<Record<string, Buffer>>): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(entries)) {
    const packed = deflateRawSync(content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0); // version
    common.writeUInt16LE(8, 4); // deflate
    common.writeUInt16LE(0x21, 8); // 1980-01-01
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    const header = [Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed];
    local.push(...header);
    central.push(Buffer.from('PK\x01\x02\x14\x00'), common, rest, Buffer.from(name));
    offset += header.reduce((sum, { length }) => sum + length, 0);
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  for (const at of [8, 10]) end.writeUInt16LE(Object.keys(entries).length, at);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, directory, end]);
}

export const WHEEL = zipOf({
  'tensorflow/__init__.py': Buffer.from('# nothing'),
  ...LIBRARIES,
  'tensorflow/other.bin': noise(200_000, 3),
});

export const RELEASE: Release = {
  version: '0.0.1',
  variant: 'cpu',
  arch: 'x64',
  project: 'tensorflow-cpu',
  wheel: 'tensorflow_cpu-0.0.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
  size: WHEEL.length,
  sha256: sha256(WHEEL),
  libraries: Object.entries(LIBRARIES).map(([path, content]) => ({
    path,
    size: content.length,
    sha256: sha256(content),
  })),
};
