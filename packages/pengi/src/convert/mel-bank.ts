import {
  compareMelBanks,
  type FrontendConfig,
  melFilterBank,
  RELEASED_FRONTEND,
  stftKernels,
  YAML_FRONTEND,
} from '@pengi/audio-frontend';
import type { TensorDtype, TensorSource } from '@pengi/checkpoint';
import { PengiError } from '@pengi/core';

/** What a mel bank is computed from. */
export interface MelBand {
  readonly melSampleRate: number;
  readonly fMin: number;
  readonly fMax: number;
}

export interface MelBankReport {
  /** The computed bank that the file's is the same as but for rounding; null when it is its own. */
  readonly computed: MelBand | null;
  /** From the released code's bank, and from that of the released YAML. */
  readonly difference: { readonly released: number; readonly yaml: number };
  /** In words. */
  readonly text: string;
}

/** The bank's name, below HTSAT's. */
export const MEL_BANK = 'logmel_extractor.melW';
const KERNELS = {
  real: 'spectrogram_extractor.stft.conv_real.weight',
  imag: 'spectrogram_extractor.stft.conv_imag.weight',
} as const;

/** Half a step of each type at 1, doubled, as both sides have rounded; what is computed rounds to float32. */
const ROUNDING: { readonly [D in TensorDtype]?: number } = { F16: 2 ** -10, BF16: 2 ** -7 };
/** Sines of float32 libraries differ by a few steps of 2^-24. */
const FLOAT32_ROUNDING = 2 ** -19;

/**
 * Compares a file's mel bank with those that known settings give.
 * @param htsat where HTSAT lies in the file
 * @returns null when the file holds no bank
 * @throws PengiError E_WEIGHTS for a bank of another size than the front end's
 */
export function examineMelBank(
  source: TensorSource,
  htsat: string,
  frontend: FrontendConfig,
  file: string,
): MelBankReport | null {
  const name = htsat + MEL_BANK;
  const info = source.tensors.get(name);
  if (info === undefined) return null;
  const { fftSize, mels } = frontend;
  const wanted = [fftSize / 2 + 1, mels];
  if (info.shape.join() !== wanted.join())
    throw new PengiError('E_WEIGHTS', `${name}: file has [${info.shape}], the front end wants [${wanted}]`, {
      file,
    });
  const bank = source.array(name);
  const distanceTo = ({ melSampleRate, fMin, fMax }: MelBand) =>
    compareMelBanks(bank, melFilterBank({ sampleRate: melSampleRate, fftSize, mels, fMin, fMax }));
  const bands: MelBand[] = [frontend, RELEASED_FRONTEND, YAML_FRONTEND].map(bandOf);
  const largest = (bank.data as Float32Array).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const rounding = largest * (ROUNDING[info.dtype] ?? FLOAT32_ROUNDING);
  const computed = bands.find((band) => distanceTo(band) <= rounding) ?? null;
  const difference = { released: distanceTo(RELEASED_FRONTEND), yaml: distanceTo(YAML_FRONTEND) };
  return { computed, difference, text: describe(computed, difference) };
}

/**
 * The front end computes its STFT; a file whose kernels are others was trained on something else.
 * @throws PengiError E_WEIGHTS
 */
export function checkStftKernels(source: TensorSource, htsat: string, fftSize: number, file: string): void {
  const names = [KERNELS.real, KERNELS.imag].map((name) => htsat + name);
  if (!names.some((name) => source.tensors.has(name))) return;
  const computed = stftKernels(fftSize);
  for (const [i, name] of names.entries()) {
    const info = source.tensors.get(name);
    if (info === undefined) continue;
    const kernel = i === 0 ? computed.real : computed.imag;
    if (info.shape.join() !== kernel.shape.join())
      throw misfit(`${name} is [${info.shape}], a window of ${fftSize} samples has [${kernel.shape}]`, file);
    const difference = compareMelBanks(source.array(name), kernel);
    if (!(difference <= (ROUNDING[info.dtype] ?? FLOAT32_ROUNDING)))
      throw misfit(
        `${name} differs by ${difference.toPrecision(2)} from the DFT with a periodic Hann window`,
        file,
      );
  }
}

function misfit(message: string, file: string): PengiError {
  return new PengiError('E_WEIGHTS', message, {
    file,
    hint: 'the spectrogram here is always that DFT, so this model would not hear what it was trained on',
  });
}

function bandOf({ melSampleRate, fMin, fMax }: MelBand): MelBand {
  return { melSampleRate, fMin, fMax };
}

function describe(computed: MelBand | null, { released, yaml }: MelBankReport['difference']): string {
  if (computed) {
    const { fMin, fMax, melSampleRate } = computed;
    return `computed ${fMin}-${fMax} Hz @${melSampleRate}`;
  }
  return `its own: max |d| ${released.toPrecision(2)} from ${bandText(RELEASED_FRONTEND)}, ${yaml.toPrecision(2)} from ${bandText(YAML_FRONTEND)}`;
}

function bandText({ fMin, fMax, melSampleRate }: MelBand): string {
  return `${fMin}-${fMax} Hz @${melSampleRate}`;
}
