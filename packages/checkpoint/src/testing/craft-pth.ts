import { crc32 } from 'node:zlib';
import {
  type Bytes,
  dict,
  int,
  ints,
  join,
  list,
  none,
  pickle,
  raw,
  storage,
  tensor,
  text,
  u32,
} from './craft-pickle.js';

/** One entry of an archive put together by hand. */
export interface CraftEntry {
  name: string;
  data: Bytes;
  /** Bytes behind it that belong to nothing. */
  gap?: number;
}

export interface CraftedZip {
  bytes: Bytes;
  /** Where the records begin, so that a test can change their fields. */
  local: number[];
  central: number[];
  end: number;
  end64: number;
  locator: number;
}

/** A stored archive as torch writes it: padded to 64 bytes, sizes in the directory alone, 64-bit end record. */
export function craftZip(entries: readonly CraftEntry[], { asTorch = true } = {}): CraftedZip {
  const parts: Bytes[] = [];
  let at = 0;
  const add = (...added: Bytes[]) => {
    const from = at;
    parts.push(...added);
    at += added.reduce((sum, { length }) => sum + length, 0);
    return from;
  };
  const flags = asTorch ? 0x0808 : 0;
  const names = entries.map(({ name }) => new TextEncoder().encode(name));
  const local = entries.map(({ data, gap = 0 }, i) => {
    const name = names[i] as Bytes;
    const free = 64 - ((at + 30 + name.length + 4) % 64);
    const padding = asTorch ? join(raw('FB'), u16(free), raw('Z'.repeat(free))) : raw();
    const sizes = asTorch ? [0, 0, 0] : [crc32(data), data.length, data.length];
    const header = join(
      u32(0x04034b50),
      u16(0, flags, 0, 0, 0),
      ...sizes.map(u32),
      u16(name.length, padding.length),
    );
    const from = add(header, name, padding, data);
    if (asTorch) add(u32(0x08074b50), u32(crc32(data)), u32(data.length), u32(data.length));
    add(new Uint8Array(gap));
    return from;
  });
  const start = at;
  const central = entries.map(({ data }, i) => {
    const name = names[i] as Bytes;
    return add(
      join(u32(0x02014b50), u16(0, 0, flags, 0, 0, 0), ...[crc32(data), data.length, data.length].map(u32)),
      join(u16(name.length, 0, 0, 0, 0), u32(0), u32(local[i] as number), name),
    );
  });
  const size = at - start;
  const [end64, locator] = [at, at + 56];
  if (asTorch) {
    const counts = [entries.length, entries.length, size, start];
    add(u32(0x06064b50), u64(44), u16(798, 45), u32(0), u32(0), ...counts.map(u64));
    add(u32(0x07064b50), u32(0), u64(end64), u32(1));
  }
  const end = add(u32(0x06054b50), u16(0, 0, entries.length, entries.length), u32(size), u32(start), u16(0));
  return { bytes: join(...parts), local, central, end, end64, locator };
}

/** Float32 values as bytes. */
export function f32(...values: readonly number[]): Bytes {
  return new Uint8Array(Float32Array.from(values).buffer);
}

/** The entries of a checkpoint with this data.pkl, and a storage 0 of four float32 if no others are given. */
export function pthEntries(
  data: Bytes,
  storages: Readonly<Record<string, Bytes>> = { 0: f32(1, 2, 3, 4) },
): CraftEntry[] {
  return [
    { name: 'a/data.pkl', data },
    { name: 'a/byteorder', data: raw('little') },
    ...Object.entries(storages).map(([key, bytes]) => ({ name: `a/data/${key}`, data: bytes })),
    { name: 'a/version', data: raw('3\n') },
    { name: 'a/.data/serialization_id', data: raw('0'.repeat(40)) },
  ];
}

/** A checkpoint in the zip format. */
export function craftPth(data: Bytes, storages?: Readonly<Record<string, Bytes>>): Bytes {
  return craftZip(pthEntries(data, storages)).bytes;
}

const MAGIC = raw(0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19);

export interface LegacyParts {
  magic?: Bytes;
  protocol?: Bytes;
  facts?: Bytes;
  keys?: Bytes;
  data?: Bytes;
}

/** A checkpoint in the format before PyTorch 1.6. */
export function craftLegacy(
  values: Bytes,
  {
    magic = pickle(MAGIC),
    protocol = pickle(int(1001)),
    facts = pickle(dict(['little_endian', raw(0x88)])),
    keys = pickle(list(text('0'))),
    data = join(u64(4), f32(1, 2, 3, 4)),
  }: LegacyParts = {},
): Bytes {
  return join(magic, protocol, facts, values, keys, data);
}

/** A valid data.pkl: two tensors that share a storage, one of them a view, and a number beside them. */
export function samplePickle(legacy = false): Bytes {
  const from = legacy ? { storage: legacyStorage() } : {};
  return pickle(
    dict(
      ['model', dict(['w', tensor(from)], ['v', tensor({ ...from, size: ints(2, 2), stride: ints(1, 2) })])],
      ['epoch', int(3)],
    ),
  );
}

/** A reference to the storage 0 as the legacy format has it. */
export function legacyStorage(): Bytes {
  return storage({ more: [none] });
}

export function u16(...values: readonly number[]): Bytes {
  return Uint8Array.from(values.flatMap((value) => [value & 0xff, value >> 8]));
}

export function u64(value: number | bigint): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}
