/** Pickles put together by hand, opcode by opcode. Each function gives the bytes that push one value. */
export type Bytes = Uint8Array;

export function join(...parts: readonly Bytes[]): Bytes {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function raw(...bytes: readonly (number | string)[]): Bytes {
  return join(
    ...bytes.map((part) => (typeof part === 'number' ? Uint8Array.of(part) : new TextEncoder().encode(part))),
  );
}

export function repeat(bytes: Bytes, count: number): Bytes {
  const all = new Uint8Array(bytes.length * count);
  for (let i = 0; i < count; i++) all.set(bytes, i * bytes.length);
  return all;
}

/** A whole pickle of protocol 2. */
export function pickle(...parts: readonly Bytes[]): Bytes {
  return join(raw(0x80, 2), ...parts, raw('.'));
}

export function u32(value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

export const none = raw('N');
export const yes = raw(0x88);
export const no = raw(0x89);

export function text(value: string): Bytes {
  const bytes = new TextEncoder().encode(value);
  return join(raw('X'), u32(bytes.length), bytes);
}

/** Of any size: LONG1 beyond 32 bits. */
export function int(value: number | bigint): Bytes {
  if (value >= 0 && value < 256) return raw('K', Number(value));
  if (value >= -0x80000000 && value < 0x80000000) return join(raw('J'), u32(Number(value)));
  const bytes: number[] = [];
  for (let rest = BigInt(value), i = 0; i < 10; i++, rest >>= 8n) bytes.push(Number(rest & 0xffn));
  return raw(0x8a, 10, ...bytes);
}

export function float(value: number): Bytes {
  const bytes = new Uint8Array(9);
  bytes[0] = 0x47;
  new DataView(bytes.buffer).setFloat64(1, value);
  return bytes;
}

export function global(path: string): Bytes {
  const dot = path.lastIndexOf('.');
  return raw(`c${path.slice(0, dot)}\n${path.slice(dot + 1)}\n`);
}

export function tuple(...items: readonly Bytes[]): Bytes {
  return items.length === 0 ? raw(')') : join(raw('('), ...items, raw('t'));
}

export function list(...items: readonly Bytes[]): Bytes {
  return join(raw(']', '('), ...items, raw('e'));
}

export function dict(...entries: readonly (readonly [key: string | Bytes, value: Bytes])[]): Bytes {
  const items = entries.flatMap(([key, value]) => [typeof key === 'string' ? text(key) : key, value]);
  return join(raw('}', '('), ...items, raw('u'));
}

export function call(path: string, ...args: readonly Bytes[]): Bytes {
  return join(global(path), tuple(...args), raw('R'));
}

export const hooks = call('collections.OrderedDict');

export interface StorageSpec {
  type?: string;
  key?: Bytes;
  count?: Bytes;
  location?: Bytes;
  tag?: string;
  /** Further items, such as the legacy format's view. */
  more?: readonly Bytes[];
}

/** A reference to a storage: 4 float32 under the key 0, if not said otherwise. */
export function storage({
  type = 'torch.FloatStorage',
  key = text('0'),
  count = int(4),
  location = text('cpu'),
  tag = 'storage',
  more = [],
}: StorageSpec = {}): Bytes {
  return join(tuple(text(tag), global(type), key, location, count, ...more), raw('Q'));
}

export interface TensorSpec {
  storage?: Bytes;
  offset?: Bytes;
  size?: Bytes;
  stride?: Bytes;
  trained?: Bytes;
  hooks?: Bytes;
  more?: readonly Bytes[];
}

/** A tensor of all 4 elements, if not said otherwise. */
export function tensor({
  storage: from = storage(),
  offset = int(0),
  size = tuple(int(4)),
  stride = tuple(int(1)),
  trained = no,
  hooks: on = hooks,
  more = [],
}: TensorSpec = {}): Bytes {
  return call('torch._utils._rebuild_tensor_v2', from, offset, size, stride, trained, on, ...more);
}

/** Sizes or strides. */
export function ints(...values: readonly (number | bigint)[]): Bytes {
  return tuple(...values.map(int));
}
