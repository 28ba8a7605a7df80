import { floats, type NdArray, PengiError } from '@pengi/core';
import { type LogMelSettings, logMelIssues, refuseConfig } from './config.js';
import { createLogMelKernel } from './log-mel-simd.js';
import { melFilterBank, sparseMelBank } from './mel.js';
import { createStft } from './stft.js';

export interface LogMel {
  /** The bank in use, [fftSize / 2 + 1, mels]. */
  readonly melBank: NdArray<'float32'>;
  frames(length: number): number;
  /**
   * Log-mel energies in dB (reference 1), [frames, mels].
   * @throws PengiError E_AUDIO_TOO_SHORT below fftSize / 2 + 1 samples
   */
  compute(samples: Float32Array): Float32Array;
  /**
   * [B, frames, mels] of clips of one length.
   * @throws PengiError E_SHAPE when the lengths differ, E_AUDIO_TOO_SHORT as above
   */
  computeBatch(clips: readonly Float32Array[]): NdArray<'float32'>;
}

export interface LogMelOptions {
  /**
   * Filters to use as they are, [fftSize / 2 + 1, mels]: a checkpoint's `melW`, which in the reference overwrites
   * whatever was computed.
   */
  readonly melBank?: NdArray<'float32'>;
  /** Whether WebAssembly with SIMD may be used; default true. The results are the same to the last bits. */
  readonly simd?: boolean;
}

/**
 * Log-mel spectrograms as torchlibrosa's `Spectrogram` + `LogmelFilterBank` give them: 10·log10(max(power · bank,
 * 1e-10)). Tables and work arrays are kept, so one of these per configuration is enough.
 * @throws PengiError E_CONFIG for settings that contradict themselves, E_SHAPE for a bank of another size
 */
export function createLogMel(settings: LogMelSettings, options: LogMelOptions = {}): LogMel {
  refuseConfig(logMelIssues(settings));
  const { fftSize, mels, fMin, fMax, melSampleRate, topDb } = settings;
  const melBank = options.melBank ?? melFilterBank({ sampleRate: melSampleRate, fftSize, mels, fMin, fMax });
  const bins = fftSize / 2 + 1;
  if (melBank.shape.length !== 2 || melBank.shape[0] !== bins || melBank.shape[1] !== mels)
    throw new PengiError(
      'E_SHAPE',
      `a mel bank of shape [${melBank.shape}]; the settings want [${bins},${mels}]`,
    );
  const stft = createStft(settings);
  const bank = sparseMelBank(melBank);
  const mel = new Float64Array(mels);
  const kernel = options.simd === false ? undefined : createLogMelKernel({ ...settings, bank });

  const write = (samples: Float32Array, out: Float32Array) => {
    if (kernel) kernel(stft.pad(samples), stft.frames(samples.length), out);
    else
      stft.eachFrame(samples, bank.topBin, (power, frame) => {
        bank.apply(power, mel);
        const start = frame * mels;
        for (let m = 0; m < mels; m++) out[start + m] = DB_PER_NEPER * Math.log(Math.max(mel[m]!, FLOOR));
      });
    if (topDb !== null) clampBelowPeak(out, topDb);
  };

  return {
    melBank,
    frames: stft.frames,
    compute(samples) {
      const out = new Float32Array(stft.frames(samples.length) * mels);
      write(samples, out);
      return out;
    },
    computeBatch(clips) {
      const length = clips[0]?.length ?? 0;
      const odd = clips.findIndex((clip) => clip.length !== length);
      if (odd > 0)
        throw new PengiError(
          'E_SHAPE',
          `clip ${odd} of a batch has ${clips[odd]?.length} samples, the first has ${length}`,
        );
      const frames = stft.frames(length);
      const batch = new Float32Array(clips.length * frames * mels);
      clips.forEach((clip, b) => {
        write(clip, batch.subarray(b * frames * mels, (b + 1) * frames * mels));
      });
      return floats(batch, [clips.length, frames, mels]);
    },
  };
}

/** Power below this counts as this: silence is -100 dB. */
const FLOOR = 1e-10;
const DB_PER_NEPER = 10 / Math.LN10;

function clampBelowPeak(decibels: Float32Array, topDb: number): void {
  let peak = Number.NEGATIVE_INFINITY;
  for (const value of decibels) if (value > peak) peak = value;
  const floor = peak - topDb;
  for (let i = 0; i < decibels.length; i++) if (decibels[i]! < floor) decibels[i] = floor;
}
