import { floats, type NdArray, PengiError } from '@pengi/core';

export interface MelSettings {
  /** The rate that the frequencies are counted by, Hz. */
  readonly sampleRate: number;
  readonly fftSize: number;
  readonly mels: number;
  /** Edges of the lowest and the highest filter, Hz. */
  readonly fMin: number;
  readonly fMax: number;
}

/**
 * Triangular filters on Slaney's mel scale with Slaney's norm (each of area 1), as `librosa.filters.mel` gives them,
 * transposed as checkpoints hold them (`melW`).
 * @returns [fftSize / 2 + 1, mels]
 */
export function melFilterBank(settings: MelSettings): NdArray<'float32'> {
  const { sampleRate, fftSize, mels, fMin, fMax } = settings;
  const bins = fftSize / 2 + 1;
  const low = hzToMel(fMin);
  const step = (hzToMel(fMax) - low) / (mels + 1);
  const edges = Float64Array.from({ length: mels + 2 }, (_, m) => melToHz(low + m * step));

  const bank = new Float32Array(bins * mels);
  for (let m = 0; m < mels; m++) {
    const [left, centre, right] = [edges[m]!, edges[m + 1]!, edges[m + 2]!];
    for (let k = 0; k < bins; k++) {
      const f = (k * sampleRate) / fftSize;
      const triangle = Math.max(0, Math.min((f - left) / (centre - left), (right - f) / (right - centre)));
      // librosa rounds the triangle to float32 before it applies the norm.
      bank[k * mels + m] = Math.fround(triangle) * (2 / (right - left));
    }
  }
  return floats(bank, [bins, mels]);
}

/** The largest absolute difference between two filter banks, for telling which one a checkpoint holds. */
export function compareMelBanks(a: NdArray, b: NdArray): number {
  if (a.shape.join() !== b.shape.join())
    throw new PengiError('E_SHAPE', `mel banks of shape [${a.shape}] and [${b.shape}]`);
  const [one, other] = [a.data, b.data]; // once: of a bank in a file, each time reads it
  let largest = 0;
  // Not Math.max alone: it would let a NaN through as "no difference".
  for (let i = 0; i < one.length; i++) {
    const difference = Math.abs(one[i]! - other[i]!);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

/** A filter bank as runs of weights: filter m weighs bins first[m] … first[m] + count[m] - 1. */
export interface SparseMelBank {
  readonly mels: number;
  readonly topBin: number;
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** Of each filter after the other. */
  readonly weights: Float64Array;
  /** mel[m] = sum of power · weights of filter m. */
  apply(power: Float64Array, mel: Float64Array): void;
}

/** Two thousandths of a bank's entries are not zero; skipping the others is what makes the product cheap. */
export function sparseMelBank(bank: NdArray<'float32'>): SparseMelBank {
  const [bins = 0, mels = 0] = bank.shape;
  const { data } = bank; // once: of a bank in a file, each time reads it
  const first = new Int32Array(mels);
  const count = new Int32Array(mels);
  const used: number[] = [];
  let topBin = 0;
  for (let m = 0; m < mels; m++) {
    const column = Array.from({ length: bins }, (_, k) => data[k * mels + m]!);
    const isUsed = (weight: number) => weight !== 0;
    const start = Math.max(0, column.findIndex(isUsed));
    const stop = column.findLastIndex(isUsed) + 1;
    first[m] = start;
    count[m] = Math.max(0, stop - start);
    used.push(...column.slice(start, stop));
    topBin = Math.max(topBin, stop - 1);
  }
  const weights = Float64Array.from(used);

  return {
    mels,
    topBin,
    first,
    count,
    weights,
    apply(power, mel) {
      let at = 0;
      for (let m = 0; m < mels; m++) {
        const stop = first[m]! + count[m]!;
        let sum = 0;
        for (let k = first[m]!; k < stop; k++) sum += power[k]! * weights[at++]!;
        mel[m] = sum;
      }
    },
  };
}

// Slaney's scale (Auditory Toolbox): linear below 1000 Hz, then 27 steps for a factor of 6.4.
const HZ_PER_MEL = 200 / 3;
const BREAK_HZ = 1000;
const BREAK_MEL = BREAK_HZ / HZ_PER_MEL;
const LOG_STEP = Math.log(6.4) / 27;

function hzToMel(hz: number): number {
  return hz < BREAK_HZ ? hz / HZ_PER_MEL : BREAK_MEL + Math.log(hz / BREAK_HZ) / LOG_STEP;
}

function melToHz(mel: number): number {
  return mel < BREAK_MEL ? mel * HZ_PER_MEL : BREAK_HZ * Math.exp(LOG_STEP * (mel - BREAK_MEL));
}
