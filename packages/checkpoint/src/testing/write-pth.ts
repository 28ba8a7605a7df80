/** A writer of checkpoints as `torch.save` makes them, one tensor in memory at a time: for tests and benchmarks. */
import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { sizeOf } from '@pengi/core';
import {
  type Bytes,
  dict,
  float,
  int,
  ints,
  join,
  pickle,
  raw,
  storage,
  tensor,
  text,
  u32,
} from './craft-pickle.js';
import { u16, u64 } from './craft-pth.js';

const STORAGES = {
  F32: { type: 'torch.FloatStorage', bytes: 4 },
  F16: { type: 'torch.HalfStorage', bytes: 2 },
  BF16: { type: 'torch.BFloat16Storage', bytes: 2 },
  I64: { type: 'torch.LongStorage', bytes: 8 },
  U8: { type: 'torch.ByteStorage', bytes: 1 },
} as const;

/** A tensor of its own, or a second name of another one's storage. */
export type PthEntry =
  | { readonly dtype?: keyof typeof STORAGES; readonly shape: readonly number[]; bytes(): Uint8Array }
  | { readonly sameAs: string };

/** What a file holds: tensors, numbers and texts under keys. */
export interface PthDict {
  readonly [key: string]: PthEntry | PthDict | number | string;
}

/** Writes a checkpoint in the zip format; a second name of a storage is given by its path, as in `model.wte.weight`. */
export async function writePth(path: string, content: PthDict): Promise<void> {
  const storages: { count: number; bytes(): Uint8Array }[] = [];
  const described = new Map<string, Bytes>();
  const describe = (entry: PthEntry, name: string): Bytes => {
    if ('sameAs' in entry) {
      const same = described.get(entry.sameAs);
      if (same === undefined) throw new Error(`${name}: no tensor "${entry.sameAs}" comes before it`);
      return same;
    }
    const { shape, dtype = 'F32' } = entry;
    const count = sizeOf(shape);
    const key = text(String(storages.length));
    storages.push({ count: count * STORAGES[dtype].bytes, bytes: () => entry.bytes() });
    const stride = shape.map((_, i) => sizeOf(shape.slice(i + 1)));
    const bytes = tensor({
      storage: storage({ type: STORAGES[dtype].type, key, count: int(count) }),
      size: ints(...shape),
      stride: ints(...stride),
    });
    described.set(name, bytes);
    return bytes;
  };
  const visit = (value: PthDict[string], name: string): Bytes => {
    if (typeof value === 'string') return text(value);
    if (typeof value === 'number') return Number.isInteger(value) ? int(value) : float(value);
    if (isEntry(value)) return describe(value, name);
    const below = (key: string) => (name === '' ? key : `${name}.${key}`);
    return dict(...Object.entries(value).map(([key, item]) => [key, visit(item, below(key))] as const));
  };
  const description = pickle(visit(content, ''));

  const file = await open(path, 'w');
  try {
    await writeZip(file, [
      { name: 'a/data.pkl', bytes: () => description },
      { name: 'a/byteorder', bytes: () => raw('little') },
      ...storages.map(({ bytes }, key) => ({ name: `a/data/${key}`, bytes })),
      { name: 'a/version', bytes: () => raw('3\n') },
    ]);
  } finally {
    await file.close();
  }
}

function isEntry(value: PthEntry | PthDict): value is PthEntry {
  return typeof (value as { bytes?: unknown }).bytes === 'function' || 'sameAs' in value;
}

/** A stored archive whose data starts at multiples of 64, sizes and checksums behind it, as torch's. Below 4 GiB. */
async function writeZip(
  file: FileHandle,
  entries: readonly { name: string; bytes(): Uint8Array }[],
): Promise<void> {
  let at = 0;
  const add = async (bytes: Uint8Array) => {
    for (let done = 0; done < bytes.length; )
      done += (await file.write(bytes, done, bytes.length - done)).bytesWritten;
    at += bytes.length;
  };
  const central: Bytes[] = [];
  for (const { name: title, bytes } of entries) {
    const name = new TextEncoder().encode(title);
    const from = at;
    const free = 64 - ((at + 30 + name.length + 4) % 64);
    const padding = join(raw('FB'), u16(free), raw('Z'.repeat(free)));
    const header = join(u32(0x04034b50), u16(0, 0x0808, 0, 0, 0), u32(0), u32(0), u32(0));
    await add(join(header, u16(name.length, padding.length), name, padding));
    const data = bytes();
    await add(data);
    const sums = join(...[crc32(data), data.length, data.length].map(u32));
    await add(join(u32(0x08074b50), sums));
    central.push(
      join(
        u32(0x02014b50),
        u16(0, 0, 0x0808, 0, 0, 0),
        sums,
        u16(name.length, 0, 0, 0, 0),
        u32(0),
        u32(from),
        name,
      ),
    );
  }
  const start = at;
  const directory = join(...central);
  await add(directory);
  const end64 = at;
  const counts = [entries.length, entries.length, directory.length, start];
  await add(join(u32(0x06064b50), u64(44), u16(798, 45), u32(0), u32(0), ...counts.map(u64)));
  await add(join(u32(0x07064b50), u32(0), u64(end64), u32(1)));
  await add(
    join(
      u32(0x06054b50),
      u16(0, 0, entries.length, entries.length),
      u32(directory.length),
      u32(start),
      u16(0),
    ),
  );
}
