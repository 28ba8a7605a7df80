// AssemblyScript, compiled to src/log-mel-wasm.ts by `pnpm --filter @pengi/audio-frontend wasm`. The whole way from samples
// to log-mels, two frames at once: each vector of two doubles holds the same value of frame f and of frame f + 1.
// Double precision as in src/fft.ts and src/log-mel.ts, whose results these are.
// The caller lays out the memory; all arguments are addresses or counts. In one file, as the build compiles one module.

const PAIR: usize = 16;

/**
 * @param samples float32, padded at either end: frames - 1 hops and one window
 * @param half half of the window, at least 16
 * @param window float64 [2 half]
 * @param work float64 pairs [2 half]: real parts, then imaginary parts
 * @param twiddles float64, of each radix-4 step after the other: [length / 4, 6]
 * @param places int32 [half]: in which byte of the real parts the FFT leaves each frequency
 * @param turns float64 [half / 2 + 1, 2]: cos and sin of 2πk / (2 half)
 * @param power float64 pairs [half + 1]
 * @param filters int32 [mels, 2]: first bin and number of bins of each filter
 * @param weights float64, a quarter of the weights of each filter after the other
 * @param out float32 [frames, mels], decibels
 */
export function logMel(
  samples: usize,
  frames: i32,
  hop: i32,
  half: i32,
  topBin: i32,
  mels: i32,
  window: usize,
  work: usize,
  twiddles: usize,
  places: usize,
  turns: usize,
  power: usize,
  filters: usize,
  weights: usize,
  out: usize,
): void {
  const re = work;
  const im = work + ((<usize>half) << 4);
  for (let frame = 0; frame < frames; frame += 2) {
    const first = samples + ((<usize>(frame * hop)) << 2);
    // The last frame of an odd number goes twice.
    const isPair = frame + 1 < frames;
    const second = isPair ? first + ((<usize>hop) << 2) : first;
    transform(first, second, half, window, twiddles, re, im);
    powers(re, im, half, topBin, places, turns, power);
    const row = out + ((<usize>(frame * mels)) << 2);
    decibels(power, mels, filters, weights, row, isPair ? row + ((<usize>mels) << 2) : row);
  }
}

/** The spectrum of (even, odd) pairs of windowed samples, in the order of `places`: radix 4, at last 8 or 4, in place. */
function transform(
  first: usize,
  second: usize,
  half: i32,
  window: usize,
  twiddles: usize,
  re: usize,
  im: usize,
): void {
  const quarter = half >> 2;
  for (let p: usize = 0, n = <usize>quarter; p < n; p++, twiddles += 48) {
    const b = p + n;
    const c = b + n;
    const d = c + n;
    // A pair of samples of either frame, (even, odd), to the even ones and the odd ones of both.
    const a1 = windowed(first, p, window);
    const a2 = windowed(second, p, window);
    const b1 = windowed(first, b, window);
    const b2 = windowed(second, b, window);
    const c1 = windowed(first, c, window);
    const c2 = windowed(second, c, window);
    const d1 = windowed(first, d, window);
    const d2 = windowed(second, d, window);
    butterfly(
      v128.shuffle<f64>(a1, a2, 0, 2),
      v128.shuffle<f64>(a1, a2, 1, 3),
      v128.shuffle<f64>(b1, b2, 0, 2),
      v128.shuffle<f64>(b1, b2, 1, 3),
      v128.shuffle<f64>(c1, c2, 0, 2),
      v128.shuffle<f64>(c1, c2, 1, 3),
      v128.shuffle<f64>(d1, d2, 0, 2),
      v128.shuffle<f64>(d1, d2, 1, 3),
      v128.load64_splat(twiddles),
      v128.load64_splat(twiddles, 8),
      v128.load64_splat(twiddles, 16),
      v128.load64_splat(twiddles, 24),
      v128.load64_splat(twiddles, 32),
      v128.load64_splat(twiddles, 40),
      re + (p << 4),
      im + (p << 4),
      n << 4,
    );
  }
  let length = quarter;
  const bytes = (<usize>half) << 4;
  for (; length > 8; length >>= 2) {
    const step = (<usize>length) << 2; // bytes of a quarter
    const block = step << 2;
    for (let p: usize = 0; p < step; p += PAIR, twiddles += 48) {
      const w1r = v128.load64_splat(twiddles);
      const w1i = v128.load64_splat(twiddles, 8);
      const w2r = v128.load64_splat(twiddles, 16);
      const w2i = v128.load64_splat(twiddles, 24);
      const w3r = v128.load64_splat(twiddles, 32);
      const w3i = v128.load64_splat(twiddles, 40);
      for (let a = p; a < bytes; a += block) {
        const xr = re + a;
        const xi = im + a;
        butterfly(
          v128.load(xr),
          v128.load(xi),
          v128.load(xr + step),
          v128.load(xi + step),
          v128.load(xr + 2 * step),
          v128.load(xi + 2 * step),
          v128.load(xr + 3 * step),
          v128.load(xi + 3 * step),
          w1r,
          w1i,
          w2r,
          w2i,
          w3r,
          w3i,
          xr,
          xi,
          step,
        );
      }
    }
  }
  if (length == 8) for (let a: usize = 0; a < bytes; a += 8 * PAIR) last8(re + a, im + a);
  else for (let a: usize = 0; a < bytes; a += 4 * PAIR) last4(re + a, im + a);
}

// @ts-ignore: decorator
@inline
function windowed(samples: usize, i: usize, window: usize): v128 {
  return f64x2.mul(f64x2.promote_low_f32x4(v128.load64_zero(samples + (i << 3))), v128.load(window + (i << 4)));
}

/** The four sums of a radix-4 step, turned by the twiddles. */
// @ts-ignore: decorator
@inline
function butterfly(
  ar: v128,
  ai: v128,
  br: v128,
  bi: v128,
  cr: v128,
  ci: v128,
  dr: v128,
  di: v128,
  w1r: v128,
  w1i: v128,
  w2r: v128,
  w2i: v128,
  w3r: v128,
  w3i: v128,
  yr: usize,
  yi: usize,
  step: usize,
): void {
  const sumACr = f64x2.add(ar, cr);
  const sumACi = f64x2.add(ai, ci);
  const sumBDr = f64x2.add(br, dr);
  const sumBDi = f64x2.add(bi, di);
  const diffACr = f64x2.sub(ar, cr);
  const diffACi = f64x2.sub(ai, ci);
  const diffBDr = f64x2.sub(br, dr);
  const diffBDi = f64x2.sub(bi, di);
  v128.store(yr, f64x2.add(sumACr, sumBDr));
  v128.store(yi, f64x2.add(sumACi, sumBDi));
  const y1r = f64x2.add(diffACr, diffBDi);
  const y1i = f64x2.sub(diffACi, diffBDr);
  v128.store(yr + step, f64x2.sub(f64x2.mul(w1r, y1r), f64x2.mul(w1i, y1i)));
  v128.store(yi + step, f64x2.add(f64x2.mul(w1r, y1i), f64x2.mul(w1i, y1r)));
  const y2r = f64x2.sub(sumACr, sumBDr);
  const y2i = f64x2.sub(sumACi, sumBDi);
  v128.store(yr + 2 * step, f64x2.sub(f64x2.mul(w2r, y2r), f64x2.mul(w2i, y2i)));
  v128.store(yi + 2 * step, f64x2.add(f64x2.mul(w2r, y2i), f64x2.mul(w2i, y2r)));
  const y3r = f64x2.sub(diffACr, diffBDi);
  const y3i = f64x2.add(diffACi, diffBDr);
  v128.store(yr + 3 * step, f64x2.sub(f64x2.mul(w3r, y3r), f64x2.mul(w3i, y3i)));
  v128.store(yi + 3 * step, f64x2.add(f64x2.mul(w3r, y3i), f64x2.mul(w3i, y3r)));
}

/** Four values of a block to their spectrum, in order; neighbours of the result lie `step` bytes apart. */
// @ts-ignore: decorator
@inline
function spectrum4(
  ar: v128,
  ai: v128,
  br: v128,
  bi: v128,
  cr: v128,
  ci: v128,
  dr: v128,
  di: v128,
  yr: usize,
  yi: usize,
  step: usize,
): void {
  const sumACr = f64x2.add(ar, cr);
  const sumACi = f64x2.add(ai, ci);
  const sumBDr = f64x2.add(br, dr);
  const sumBDi = f64x2.add(bi, di);
  const diffACr = f64x2.sub(ar, cr);
  const diffACi = f64x2.sub(ai, ci);
  const diffBDr = f64x2.sub(br, dr);
  const diffBDi = f64x2.sub(bi, di);
  v128.store(yr, f64x2.add(sumACr, sumBDr));
  v128.store(yi, f64x2.add(sumACi, sumBDi));
  v128.store(yr + step, f64x2.add(diffACr, diffBDi));
  v128.store(yi + step, f64x2.sub(diffACi, diffBDr));
  v128.store(yr + 2 * step, f64x2.sub(sumACr, sumBDr));
  v128.store(yi + 2 * step, f64x2.sub(sumACi, sumBDi));
  v128.store(yr + 3 * step, f64x2.sub(diffACr, diffBDi));
  v128.store(yi + 3 * step, f64x2.add(diffACi, diffBDr));
}

function last4(re: usize, im: usize): void {
  spectrum4(
    v128.load(re),
    v128.load(im),
    v128.load(re, 16),
    v128.load(im, 16),
    v128.load(re, 32),
    v128.load(im, 32),
    v128.load(re, 48),
    v128.load(im, 48),
    re,
    im,
    PAIR,
  );
}

/** A step of radix 2, then two of radix 4. */
function last8(re: usize, im: usize): void {
  const ar = v128.load(re);
  const ai = v128.load(im);
  const br = v128.load(re, 16);
  const bi = v128.load(im, 16);
  const cr = v128.load(re, 32);
  const ci = v128.load(im, 32);
  const dr = v128.load(re, 48);
  const di = v128.load(im, 48);
  const er = v128.load(re, 64);
  const ei = v128.load(im, 64);
  const fr = v128.load(re, 80);
  const fi = v128.load(im, 80);
  const gr = v128.load(re, 96);
  const gi = v128.load(im, 96);
  const hr = v128.load(re, 112);
  const hi = v128.load(im, 112);
  spectrum4(
    f64x2.add(ar, er),
    f64x2.add(ai, ei),
    f64x2.add(br, fr),
    f64x2.add(bi, fi),
    f64x2.add(cr, gr),
    f64x2.add(ci, gi),
    f64x2.add(dr, hr),
    f64x2.add(di, hi),
    re,
    im,
    2 * PAIR,
  );
  // The differences, turned by 1, e^(-iπ/4), -i and e^(-3iπ/4).
  const root = f64x2.splat(0.7071067811865476);
  const pr = f64x2.sub(br, fr);
  const pi = f64x2.sub(bi, fi);
  const qr = f64x2.sub(dr, hr);
  const qi = f64x2.sub(di, hi);
  spectrum4(
    f64x2.sub(ar, er),
    f64x2.sub(ai, ei),
    f64x2.mul(root, f64x2.add(pr, pi)),
    f64x2.mul(root, f64x2.sub(pi, pr)),
    f64x2.sub(ci, gi),
    f64x2.sub(gr, cr),
    f64x2.mul(root, f64x2.sub(qi, qr)),
    f64x2.mul(root, f64x2.neg(f64x2.add(qr, qi))),
    re + PAIR,
    im + PAIR,
    2 * PAIR,
  );
}

/** |2 X_k|² for k = 0 … topBin out of the spectrum of (even, odd) pairs: the weights of the filters make up for the factor. */
function powers(
  re: usize,
  im: usize,
  half: i32,
  topBin: i32,
  places: usize,
  turns: usize,
  power: usize,
): void {
  const re0 = v128.load(re);
  const im0 = v128.load(im);
  const dc = f64x2.add(re0, im0);
  const nyquist = f64x2.sub(re0, im0);
  const four = f64x2.splat(4);
  v128.store(power, f64x2.mul(four, f64x2.mul(dc, dc)));
  if (topBin >= half)
    v128.store(power + ((<usize>half) << 4), f64x2.mul(four, f64x2.mul(nyquist, nyquist)));
  for (let k = 1, middle = half >> 1; k <= middle; k++) {
    const mirror = half - k;
    const here = <usize>i32.load(places + ((<usize>k) << 2));
    const there = <usize>i32.load(places + ((<usize>mirror) << 2));
    const zr = v128.load(re + here);
    const zi = v128.load(im + here);
    const mr = v128.load(re + there);
    const mi = v128.load(im + there);
    const evenRe = f64x2.add(zr, mr);
    const evenIm = f64x2.sub(zi, mi);
    const oddRe = f64x2.add(zi, mi);
    const oddIm = f64x2.sub(mr, zr);
    const cos = v128.load64_splat(turns + ((<usize>k) << 4));
    const sin = v128.load64_splat(turns + ((<usize>k) << 4), 8);
    const turnedRe = f64x2.add(f64x2.mul(cos, oddRe), f64x2.mul(sin, oddIm));
    const turnedIm = f64x2.sub(f64x2.mul(cos, oddIm), f64x2.mul(sin, oddRe));
    if (k <= topBin)
      v128.store(
        power + ((<usize>k) << 4),
        squared(f64x2.add(evenRe, turnedRe), f64x2.add(evenIm, turnedIm)),
      );
    if (mirror <= topBin)
      v128.store(
        power + ((<usize>mirror) << 4),
        squared(f64x2.sub(evenRe, turnedRe), f64x2.sub(evenIm, turnedIm)),
      );
  }
}

// @ts-ignore: decorator
@inline
function squared(re: v128, im: v128): v128 {
  return f64x2.add(f64x2.mul(re, re), f64x2.mul(im, im));
}

/** Sums of weighted powers, not below 1e-10, in decibels; a row of `mels` for each of the two frames. */
function decibels(
  power: usize,
  mels: i32,
  filters: usize,
  weights: usize,
  rowA: usize,
  rowB: usize,
): void {
  for (let m = 0; m < mels; m++) {
    let at = power + ((<usize>i32.load(filters)) << 4);
    const end = at + ((<usize>i32.load(filters, 4)) << 4);
    filters += 8;
    // Two sums, as each has to wait for its last addition.
    let sum = f64x2.splat(0);
    let other = f64x2.splat(0);
    for (; at + PAIR < end; at += 2 * PAIR, weights += 16) {
      sum = f64x2.add(sum, f64x2.mul(v128.load(at), v128.load64_splat(weights)));
      other = f64x2.add(other, f64x2.mul(v128.load(at, 16), v128.load64_splat(weights, 8)));
    }
    if (at < end) {
      sum = f64x2.add(sum, f64x2.mul(v128.load(at), v128.load64_splat(weights)));
      weights += 8;
    }
    sum = f64x2.add(sum, other);
    const both = f32x4.demote_f64x2_zero(logarithm(f64x2.max(sum, f64x2.splat(1e-10))));
    f32.store(rowB + ((<usize>m) << 2), f32x4.extract_lane(both, 1));
    f32.store(rowA + ((<usize>m) << 2), f32x4.extract_lane(both, 0));
  }
}

/**
 * 10 log10 of positive normal doubles, within 1e-12: x = m 2^e with m between sqrt(1/2) and sqrt(2), and
 * ln m = 2 (s + s³/3 + s⁵/5 + …) with s = (m - 1) / (m + 1), |s| < 0.172.
 */
function logarithm(x: v128): v128 {
  // So the exponent changes at sqrt(2) instead of at 2.
  const moved = i64x2.sub(x, i64x2.splat(0x3fe6a09e667f3bcd)); // the bits of sqrt(1/2)
  const exponent = i64x2.shr_s(moved, 52);
  const m = i64x2.sub(x, i64x2.shl(exponent, 52));
  const one = f64x2.splat(1);
  const s = f64x2.div(f64x2.sub(m, one), f64x2.add(m, one));
  const z = f64x2.mul(s, s);
  let series = f64x2.splat(1.0 / 15.0);
  series = f64x2.add(f64x2.mul(series, z), f64x2.splat(1.0 / 13.0));
  series = f64x2.add(f64x2.mul(series, z), f64x2.splat(1.0 / 11.0));
  series = f64x2.add(f64x2.mul(series, z), f64x2.splat(1.0 / 9.0));
  series = f64x2.add(f64x2.mul(series, z), f64x2.splat(1.0 / 7.0));
  series = f64x2.add(f64x2.mul(series, z), f64x2.splat(1.0 / 5.0));
  series = f64x2.add(f64x2.mul(series, z), f64x2.splat(1.0 / 3.0));
  series = f64x2.add(f64x2.mul(series, z), one);
  // Exponents are small: their low halves are 32-bit integers.
  const e = f64x2.convert_low_i32x4_s(v128.shuffle<i32>(exponent, exponent, 0, 2, 0, 2));
  const perDoubling = f64x2.splat(3.010299956639812); // 10 log10(2)
  const perNeper = f64x2.splat(8.685889638065037); // 2 · 10 / ln(10)
  const result = f64x2.add(f64x2.mul(e, perDoubling), f64x2.mul(f64x2.mul(s, series), perNeper));
  return f64x2.add(result, f64x2.sub(x, x)); // NaN, which has an exponent like others, stays NaN
}
