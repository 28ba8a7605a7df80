import { floats, type NdArray, PengiError } from '@pengi/core';
import { createRealFft } from './fft.js';

export interface StftSettings {
  /** Samples of a window, a power of two. */
  readonly fftSize: number;
  /** Samples from one frame to the next. */
  readonly hopLength: number;
}

/**
 * |STFT|² as torchlibrosa's `Spectrogram` gives it: periodic Hann window, centred frames, reflected edges, no
 * normalisation.
 * @returns [frames, fftSize / 2 + 1], frames = floor(n / hopLength) + 1
 * @throws PengiError E_AUDIO_TOO_SHORT below fftSize / 2 + 1 samples, which reflection needs
 */
export function powerSpectrogram(samples: Float32Array, settings: StftSettings): NdArray<'float32'> {
  const stft = createStft(settings);
  const bins = settings.fftSize / 2 + 1;
  const frames = stft.frames(samples.length);
  const spectrogram = new Float32Array(frames * bins);
  stft.eachFrame(samples, bins - 1, (power, frame) => spectrogram.set(power, frame * bins));
  return floats(spectrogram, [frames, bins]);
}

/** An STFT that keeps its tables and work arrays from one clip to the next. */
export interface Stft {
  frames(length: number): number;
  /**
   * The samples with half a window of reflection at either end; the array is reused.
   * @throws PengiError E_AUDIO_TOO_SHORT below fftSize / 2 + 1 samples
   */
  pad(samples: Float32Array): Float32Array;
  /** Calls `take` with the power of bins 0 … topBin of each frame; the array is reused. */
  eachFrame(samples: Float32Array, topBin: number, take: (power: Float64Array, frame: number) => void): void;
}

/** @throws PengiError E_CONFIG when fftSize is no power of two or hopLength no positive integer */
export function createStft({ fftSize, hopLength }: StftSettings): Stft {
  if (!Number.isInteger(hopLength) || hopLength < 1)
    throw new PengiError('E_CONFIG', `hopLength is ${hopLength}; it is a positive integer`);
  const fft = createRealFft(fftSize);
  const window = periodicHann(fftSize);
  const power = new Float64Array(fftSize / 2 + 1);
  let padded = new Float32Array(0);

  const frames = (length: number) => Math.floor(length / hopLength) + 1;

  const pad = (samples: Float32Array) => {
    if (padded.length < samples.length + fftSize) padded = new Float32Array(samples.length + fftSize);
    reflect(samples, fftSize / 2, padded);
    return padded;
  };

  return {
    frames,
    pad,
    eachFrame(samples, topBin, take) {
      pad(samples);
      const { even, odd } = fft;
      for (let frame = 0; frame < frames(samples.length); frame++) {
        const start = frame * hopLength;
        for (let i = 0; i < even.length; i++) {
          even[i] = padded[start + 2 * i]! * window[2 * i]!;
          odd[i] = padded[start + 2 * i + 1]! * window[2 * i + 1]!;
        }
        fft.power(power, topBin);
        take(power, frame);
      }
    },
  };
}

/**
 * The STFT as two convolution kernels, the form in which torchlibrosa keeps it in a checkpoint
 * (`stft.conv_real.weight`, `stft.conv_imag.weight`): [fftSize / 2 + 1, 1, fftSize], cos · window and -sin · window.
 */
export function stftKernels(fftSize: number): { real: NdArray<'float32'>; imag: NdArray<'float32'> } {
  const bins = fftSize / 2 + 1;
  const window = periodicHann(fftSize);
  const real = new Float32Array(bins * fftSize);
  const imag = new Float32Array(bins * fftSize);
  for (let k = 0; k < bins; k++)
    for (let n = 0; n < fftSize; n++) {
      // The product is reduced first: the angle stays below 2π and its sine exact to the last bits.
      const angle = (2 * Math.PI * ((k * n) % fftSize)) / fftSize;
      real[k * fftSize + n] = Math.cos(angle) * window[n]!;
      imag[k * fftSize + n] = -Math.sin(angle) * window[n]!;
    }
  const shape = [bins, 1, fftSize];
  return { real: floats(real, shape), imag: floats(imag, shape) };
}

/** Hann's window with the period `size` (scipy's `fftbins=True`): zero at 0, not at size - 1. */
export function periodicHann(size: number): Float64Array {
  return Float64Array.from({ length: size }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / size));
}

/** `samples` with `pad` samples mirrored at either end, the first and last not doubled; written to `out`. */
function reflect(samples: Float32Array, pad: number, out: Float32Array): void {
  const n = samples.length;
  if (n <= pad)
    throw new PengiError(
      'E_AUDIO_TOO_SHORT',
      `${n} samples; a window of ${2 * pad} samples needs at least ${pad + 1}`,
      { hint: 'loop or pad the clip first (fitToLength)' },
    );
  out.set(samples, pad);
  for (let i = 1; i <= pad; i++) {
    out[pad - i] = samples[i]!;
    out[pad + n - 1 + i] = samples[n - 1 - i]!;
  }
}
