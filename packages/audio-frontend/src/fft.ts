import { PengiError } from '@pengi/core';

/** Squared magnitudes of the spectra of real frames; one instance owns its work arrays and is not reentrant. */
export interface RealFft {
  readonly size: number;
  /**
   * Where the frame goes: sample 2i to `even[i]`, sample 2i + 1 to `odd[i]`, each of size / 2. Overwritten by `power`.
   */
  readonly even: Float64Array;
  readonly odd: Float64Array;
  /** Writes |X_k|² to `out[k]` for k = 0 … topBin (at most size / 2). */
  power(out: Float64Array, topBin: number): void;
}

/**
 * A real FFT of `size` samples (a power of two, at least 2): a complex FFT of half the size on (even, odd) pairs, then
 * the split by symmetry. Float64 throughout: in V8 it is as fast as float32 and leaves no rounding to account for.
 * @throws PengiError E_CONFIG for another size
 */
export function createRealFft(size: number): RealFft {
  if (!isPowerOfTwo(size) || size < 2)
    throw new PengiError('E_CONFIG', `an FFT of ${size} samples; the size is a power of two, at least 2`);
  const half = size / 2;
  const fft = createComplexFft(half);
  const cos = Float64Array.from({ length: half / 2 + 1 }, (_, k) => Math.cos((2 * Math.PI * k) / size));
  const sin = Float64Array.from({ length: half / 2 + 1 }, (_, k) => Math.sin((2 * Math.PI * k) / size));

  return {
    size,
    even: fft.re,
    odd: fft.im,
    power(out, topBin) {
      const { re, im } = fft.transform();
      const dc = re[0]! + im[0]!;
      const nyquist = re[0]! - im[0]!;
      out[0] = dc * dc;
      if (topBin >= half) out[half] = nyquist * nyquist;
      for (let k = 1; k <= half / 2; k++) {
        const mirror = half - k;
        // Z = E + iO, where E and O are the spectra of the even and the odd samples; X_k = E_k + e^(-2πik/N) O_k.
        const evenRe = (re[k]! + re[mirror]!) / 2;
        const evenIm = (im[k]! - im[mirror]!) / 2;
        const oddRe = (im[k]! + im[mirror]!) / 2;
        const oddIm = (re[mirror]! - re[k]!) / 2;
        const turnedRe = cos[k]! * oddRe + sin[k]! * oddIm;
        const turnedIm = cos[k]! * oddIm - sin[k]! * oddRe;
        if (k <= topBin) out[k] = (evenRe + turnedRe) ** 2 + (evenIm + turnedIm) ** 2;
        if (mirror <= topBin) out[mirror] = (evenRe - turnedRe) ** 2 + (evenIm - turnedIm) ** 2;
      }
    },
  };
}

export function isPowerOfTwo(n: number): boolean {
  return Number.isInteger(n) && n > 0 && 2 ** Math.round(Math.log2(n)) === n;
}

interface ComplexFft {
  readonly re: Float64Array;
  readonly im: Float64Array;
  /** Transforms `re`, `im`; the result lies in the arrays returned, in natural order. */
  transform(): { re: Float64Array; im: Float64Array };
}

/** Stockham's self-sorting FFT: radix 4, with one radix-2 pass where the size is not a power of four. */
function createComplexFft(size: number): ComplexFft {
  const source = { re: new Float64Array(size), im: new Float64Array(size) };
  const target = { re: new Float64Array(size), im: new Float64Array(size) };
  const twiddles: Float64Array[] = [];
  for (let length = size; length >= 4; length /= 4) twiddles.push(radix4Twiddles(length));

  return {
    re: source.re,
    im: source.im,
    transform() {
      let from = source;
      let to = target;
      let length = size;
      let stride = 1;
      for (const twiddle of twiddles) {
        radix4(from.re, from.im, to.re, to.im, length, stride, twiddle);
        [from, to] = [to, from];
        length /= 4;
        stride *= 4;
      }
      if (length === 2) {
        radix2(from.re, from.im, to.re, to.im, stride);
        [from, to] = [to, from];
      }
      return from;
    },
  };
}

/** For each p of length / 4: cos and -sin of 2πp / length, then of twice and three times that angle. */
function radix4Twiddles(length: number): Float64Array {
  const twiddle = new Float64Array((length / 4) * 6);
  for (let p = 0; p < length / 4; p++)
    for (let power = 1; power <= 3; power++) {
      const angle = (2 * Math.PI * p * power) / length;
      twiddle[6 * p + 2 * power - 2] = Math.cos(angle);
      twiddle[6 * p + 2 * power - 1] = -Math.sin(angle);
    }
  return twiddle;
}

function radix4(
  xr: Float64Array,
  xi: Float64Array,
  yr: Float64Array,
  yi: Float64Array,
  length: number,
  stride: number,
  twiddle: Float64Array,
): void {
  const quarter = length / 4;
  const step = stride * quarter;
  for (let p = 0; p < quarter; p++) {
    const w1r = twiddle[6 * p]!;
    const w1i = twiddle[6 * p + 1]!;
    const w2r = twiddle[6 * p + 2]!;
    const w2i = twiddle[6 * p + 3]!;
    const w3r = twiddle[6 * p + 4]!;
    const w3i = twiddle[6 * p + 5]!;
    let out = stride * 4 * p;
    for (let a = stride * p; a < stride * (p + 1); a++, out++) {
      const b = a + step;
      const c = b + step;
      const d = c + step;
      const sumACr = xr[a]! + xr[c]!;
      const sumACi = xi[a]! + xi[c]!;
      const sumBDr = xr[b]! + xr[d]!;
      const sumBDi = xi[b]! + xi[d]!;
      const diffACr = xr[a]! - xr[c]!;
      const diffACi = xi[a]! - xi[c]!;
      const diffBDr = xr[b]! - xr[d]!;
      const diffBDi = xi[b]! - xi[d]!;
      yr[out] = sumACr + sumBDr;
      yi[out] = sumACi + sumBDi;
      const y1r = diffACr + diffBDi;
      const y1i = diffACi - diffBDr;
      yr[out + stride] = w1r * y1r - w1i * y1i;
      yi[out + stride] = w1r * y1i + w1i * y1r;
      const y2r = sumACr - sumBDr;
      const y2i = sumACi - sumBDi;
      yr[out + 2 * stride] = w2r * y2r - w2i * y2i;
      yi[out + 2 * stride] = w2r * y2i + w2i * y2r;
      const y3r = diffACr - diffBDi;
      const y3i = diffACi + diffBDr;
      yr[out + 3 * stride] = w3r * y3r - w3i * y3i;
      yi[out + 3 * stride] = w3r * y3i + w3i * y3r;
    }
  }
}

function radix2(
  xr: Float64Array,
  xi: Float64Array,
  yr: Float64Array,
  yi: Float64Array,
  stride: number,
): void {
  for (let a = 0, b = stride; a < stride; a++, b++) {
    yr[a] = xr[a]! + xr[b]!;
    yi[a] = xi[a]! + xi[b]!;
    yr[b] = xr[a]! - xr[b]!;
    yi[b] = xi[a]! - xi[b]!;
  }
}
