import { isPengiError, type PengiError } from '@pengi/core';

/** A safetensors file put together by hand: `header` as it is, behind a length that may lie. */
export function craft(
  header: string | object,
  data: number | Uint8Array = 0,
  lengthField?: number | bigint,
): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const dataBytes = typeof data === 'number' ? new Uint8Array(data) : data;
  const bytes = new Uint8Array(8 + text.length + dataBytes.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(lengthField ?? text.length), true);
  bytes.set(text, 8);
  bytes.set(dataBytes, 8 + text.length);
  return bytes;
}

/** A header as writers give it: with blanks that put the data at a multiple of 8. */
export function padded(header: object): string {
  const text = JSON.stringify(header);
  return text.padEnd(Math.ceil(text.length / 8) * 8);
}

/** A tensor's entry in the header. */
export function entry(dtype: unknown, shape: unknown, ...range: unknown[]): object {
  return { dtype, shape, data_offsets: range };
}

/** A valid file with metadata and five tensors of five dtypes, one of them empty, one a scalar. */
export function sample(): Uint8Array {
  const header = {
    __metadata__: { format: 'pt', note: 'ü' },
    'h.0.w': entry('F32', [2, 3], 0, 24),
    'h.0.b': entry('F16', [3], 24, 30),
    empty: entry('BF16', [0, 2], 30, 30),
    steps: entry('I64', [], 30, 38),
    mask: entry('BOOL', [2], 38, 40),
  };
  const data = new Uint8Array(40).map((_, i) => (i < 30 ? i * 37 : i % 2));
  data.fill(0, 34, 38);
  return craft(`${JSON.stringify(header)}   `, data);
}

/** The typed error that `f` throws. */
export function errorOf(f: () => unknown): PengiError {
  try {
    f();
  } catch (error) {
    if (isPengiError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
