import { floats, type NdArray, PengiError } from '@pengi/core';

/**
 * `samples` at another rate, as `torchaudio.transforms.Resample` with its defaults gives them (sinc with a Hann window,
 * width 6, rolloff 0.99), one phase step of its kernel being rounded to float32 included. Equal rates return the input.
 * @returns ceil(toRate · n / fromRate) samples
 * @throws PengiError E_USAGE for rates that are no positive integers
 */
export function resample(samples: Float32Array, fromRate: number, toRate: number): Float32Array {
  const geometry = kernelGeometry(fromRate, toRate);
  if (fromRate === toRate) return samples;
  const { orig, target, taps } = geometry;
  const length = Math.ceil((target * samples.length) / orig);
  const output = new Float32Array(length);
  const kernel = cachedPhases(geometry);
  const scratch = new Float32Array(taps);

  // One phase at a time: of a kernel too large to keep, each phase is then computed once, when it is needed.
  for (let phase = 0; phase < Math.min(target, length); phase++) {
    const weights = kernel?.subarray(phase * taps, (phase + 1) * taps) ?? scratch;
    if (kernel === undefined) fillPhase(geometry, phase, scratch);
    let source = firstTap(geometry, phase);
    for (let at = phase; at < length; at += target, source += orig) {
      const stop = Math.min(taps, samples.length - source);
      let sum = 0;
      for (let tap = Math.max(0, -source); tap < stop; tap++) sum += samples[source + tap]! * weights[tap]!;
      output[at] = sum;
    }
  }
  return output;
}

/**
 * The kernel in full, bit for bit torchaudio's: output sample f·target + j is the sum over i of `kernel[j, i]` times input
 * sample f·orig + i - width.
 * @returns the rates without common factors, `width`, and `kernel` [target, 2·width + orig]
 * @throws PengiError E_USAGE for rates whose kernel would have over 2^26 entries (`resample` itself has no such limit)
 */
export function resampleKernel(
  fromRate: number,
  toRate: number,
): { orig: number; target: number; width: number; kernel: NdArray<'float32'> } {
  const geometry = kernelGeometry(fromRate, toRate);
  const { orig, target, width } = geometry;
  const columns = 2 * width + orig;
  if (target * columns > 2 ** 26)
    throw new PengiError(
      'E_USAGE',
      `the kernel of ${fromRate} to ${toRate} Hz has ${target} x ${columns} entries`,
    );
  const kernel = new Float32Array(target * columns);
  const weights = new Float32Array(geometry.taps);
  for (let phase = 0; phase < target; phase++) {
    fillPhase(geometry, phase, weights);
    const first = firstTap(geometry, phase) + width;
    weights.forEach((weight, tap) => {
      if (first + tap >= 0 && first + tap < columns) kernel[phase * columns + first + tap] = weight;
    });
  }
  return { orig, target, width, kernel: floats(kernel, [target, columns]) };
}

const FILTER_WIDTH = 6;
const ROLLOFF = 0.99;
/** Floats of a kernel that is kept: 8 MB. Usual rates need some thousands. */
const CACHED_SIZE = 2 ** 21;
const CACHED_KERNELS = 16;

interface Geometry {
  /** The two rates without their common factors. */
  readonly orig: number;
  readonly target: number;
  /** The cut-off in torchaudio's units. */
  readonly base: number;
  readonly width: number;
  /** Entries of a phase that can differ from zero. */
  readonly taps: number;
}

function kernelGeometry(fromRate: number, toRate: number): Geometry {
  for (const rate of [fromRate, toRate])
    if (!Number.isInteger(rate) || rate < 1)
      throw new PengiError(
        'E_USAGE',
        `cannot resample ${fromRate} to ${toRate} Hz: rates are positive integers`,
      );
  const divisor = greatestCommonDivisor(fromRate, toRate);
  const [orig, target] = [fromRate / divisor, toRate / divisor];
  const base = ROLLOFF * Math.min(orig, target);
  return {
    orig,
    target,
    base,
    width: Math.ceil((FILTER_WIDTH * orig) / base),
    taps: Math.floor((2 * FILTER_WIDTH * orig) / base) + 2,
  };
}

const kernels = new Map<string, Float32Array>();

/** All phases, [target, taps]; undefined when they are too many to keep. */
function cachedPhases(geometry: Geometry): Float32Array | undefined {
  const { orig, target, taps } = geometry;
  if (target * taps > CACHED_SIZE) return undefined;
  const key = `${orig}:${target}`;
  const known = kernels.get(key);
  if (known) return known;
  const phases = new Float32Array(target * taps);
  for (let phase = 0; phase < target; phase++)
    fillPhase(geometry, phase, phases.subarray(phase * taps, (phase + 1) * taps));
  if (kernels.size >= CACHED_KERNELS) kernels.clear();
  kernels.set(key, phases);
  return phases;
}

/** -phase / target, the one step that torchaudio takes in float32 (a quotient of integer tensors). */
function phaseOffset({ target }: Geometry, phase: number): number {
  return Math.fround(-phase / target);
}

/** The input sample, relative to f·orig, that the first tap of `phase` weighs: the first with |t| <= FILTER_WIDTH. */
function firstTap(geometry: Geometry, phase: number): number {
  return Math.ceil((-FILTER_WIDTH / geometry.base - phaseOffset(geometry, phase)) * geometry.orig);
}

/** torchaudio's `_get_sinc_resample_kernel`, one row of it, without the entries that are zero in float32. */
function fillPhase(geometry: Geometry, phase: number, weights: Float32Array): void {
  const { orig, base } = geometry;
  const first = firstTap(geometry, phase);
  const offset = phaseOffset(geometry, phase);
  for (let tap = 0; tap < weights.length; tap++) {
    const t = (offset + (first + tap) / orig) * base;
    weights[tap] = Math.abs(t) >= FILTER_WIDTH ? 0 : (windowedSinc(t) * base) / orig;
  }
}

function windowedSinc(t: number): number {
  const window = Math.cos((Math.PI * t) / (2 * FILTER_WIDTH)) ** 2;
  return t === 0 ? window : (window * Math.sin(Math.PI * t)) / (Math.PI * t);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
