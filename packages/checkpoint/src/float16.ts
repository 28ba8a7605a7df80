/**
 * The two 16-bit float formats of checkpoints. Both ways work on bit patterns, so that a NaN keeps its payload.
 * F16 is IEEE 754 binary16 (5 exponent bits, 10 of fraction); BF16 is the upper half of binary32.
 */

/** Exact: every F16 value is a float32 value. */
export function halfToFloat(half: Uint16Array): Float32Array {
  halfTable ??= Uint32Array.from({ length: 0x10000 }, (_, bits) => halfBitsToFloatBits(bits));
  const bits = new Uint32Array(half.length);
  for (let i = 0; i < half.length; i++) bits[i] = halfTable[half[i] as number] as number;
  return new Float32Array(bits.buffer);
}

/** Exact. */
export function bfloat16ToFloat(values: Uint16Array): Float32Array {
  const bits = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) bits[i] = (values[i] as number) << 16;
  return new Float32Array(bits.buffer);
}

/** Rounds to nearest, ties to even; beyond 65,504 (from 65,520 on) gives infinity. */
export function floatToHalf(values: Float32Array): Uint16Array {
  const bits = bitsOf(values);
  const half = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) half[i] = floatBitsToHalfBits(bits[i] as number);
  return half;
}

/** Rounds to nearest, ties to even. */
export function floatToBfloat16(values: Float32Array): Uint16Array {
  const bits = bitsOf(values);
  const rounded = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) rounded[i] = floatBitsToBfloat16Bits(bits[i] as number);
  return rounded;
}

let halfTable: Uint32Array | undefined;

function halfBitsToFloatBits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (fraction << 13)) >>> 0;
  if (exponent > 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0; // 112 = 127 - 15
  if (fraction === 0) return sign >>> 0;
  const shift = Math.clz32(fraction) - 21; // a subnormal: its highest bit becomes the implicit one
  return (sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13)) >>> 0;
}

function floatBitsToHalfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65,520, half way between 65,504 and the next step
  if (magnitude >= 0x38800000) {
    const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
    return sign | ((rounded - 0x38000000) >>> 13); // the exponent's bias goes from 127 to 15
  }
  if (magnitude <= 0x33000000) return sign; // up to 2^-25, half of the smallest subnormal
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - (magnitude >>> 23);
  const kept = fraction >>> shift;
  const rest = fraction & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (kept + (rest > half || (rest === half && kept % 2 === 1) ? 1 : 0));
}

function floatBitsToBfloat16Bits(bits: number): number {
  // The quiet bit keeps a NaN whose payload lies in the lower half from becoming infinity.
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}
