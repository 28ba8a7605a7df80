/** A view of a storage: where element [0, 0, …] lies and how far the next one along each dimension is, in bytes. */
export interface ByteView {
  readonly start: number;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly itemBytes: number;
}

/** What a view with gaps may hold beside its result. */
const MAX_SPAN = 0x1000000;
/** Where most of what is read would be thrown away, smaller pieces are read, but not smaller than this. */
const SPARSE = { factor: 32, bytes: 0x100000 };

/**
 * The elements of a view in row-major order. What lies between the first and the last is read at once, if that is
 * little and mostly wanted; else the view is halved along the dimension that spreads it most.
 * @param read gives bytes of the storage
 */
export function gather(
  view: ByteView,
  read: (start: number, length: number) => Uint8Array,
  maxSpan = MAX_SPAN,
): Uint8Array<ArrayBuffer> {
  const { shape, itemBytes } = view;
  const outStride = shape.map((_, i) =>
    shape.slice(i + 1).reduce((product, dim) => product * dim, itemBytes),
  );
  const out = new Uint8Array(shape.reduce((product, dim) => product * dim, itemBytes));
  if (out.length === 0) return out;
  const fill = (shape: readonly number[], start: number, to: number): void => {
    const reach = shape.map((dim, i) => (dim - 1) * (view.stride[i] as number));
    const span = reach.reduce((sum, bytes) => sum + bytes, itemBytes);
    const wanted = shape.reduce((product, dim) => product * dim, itemBytes);
    const limit = span > SPARSE.bytes ? Math.min(maxSpan, SPARSE.factor * wanted) : maxSpan;
    if (span <= Math.max(limit, itemBytes)) {
      copyElements(read(start, span), { ...view, shape }, out, to, outStride);
      return;
    }
    const widest = reach.indexOf(Math.max(...reach));
    const first = Math.ceil((shape[widest] as number) / 2);
    const rest = (shape[widest] as number) - first;
    fill(shape.with(widest, first), start, to);
    fill(
      shape.with(widest, rest),
      start + first * (view.stride[widest] as number),
      to + first * (outStride[widest] as number),
    );
  };
  fill(shape, view.start, 0);
  return out;
}

function copyElements(
  from: Uint8Array,
  { shape, stride, itemBytes }: ByteView,
  out: Uint8Array,
  to: number,
  outStride: readonly number[],
): void {
  // Dimensions of 1 are passed over; a 0-d view has one element.
  const dims = shape.flatMap((dim, i) =>
    dim === 1 ? [] : [{ dim, step: stride[i] as number, outStep: outStride[i] as number }],
  );
  const walk = (depth: number, source: number, target: number): void => {
    const level = dims[depth];
    if (level === undefined) {
      for (let b = 0; b < itemBytes; b++) out[target + b] = from[source + b] as number;
      return;
    }
    const { dim, step, outStep } = level;
    if (depth < dims.length - 1) {
      for (let i = 0; i < dim; i++) walk(depth + 1, source + i * step, target + i * outStep);
      return;
    }
    for (let i = 0; i < dim; i++)
      for (let b = 0; b < itemBytes; b++)
        out[target + i * outStep + b] = from[source + i * step + b] as number;
  };
  walk(0, 0, to);
}

/** Turns big endian numbers into little endian ones, in place. */
export function swapBytes(bytes: Uint8Array, width: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (width === 2) buffer.swap16();
  if (width === 4) buffer.swap32();
  if (width === 8) buffer.swap64();
}
