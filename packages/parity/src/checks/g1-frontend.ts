import {
  createLogMel,
  fitToLength,
  type LogMelSettings,
  melFilterBank,
  powerSpectrogram,
  resample,
  resampleKernel,
  stftKernels,
  toMono,
} from '@pengi/audio-frontend';
import { isPengiError, type NdArray } from '@pengi/core';
import type { Check } from '../check.js';
import { logMelSettingsOf } from '../configs.js';
import type { Report } from '../report.js';
import { TOLERANCES } from '../tolerances.js';

const TOLERANCE = TOLERANCES.frontend;

/** Power spectrograms, mel banks and log-mels of every stored signal in every setting. */
export const checkFrontend: Check = async (golden, report) => {
  const settings: Record<string, LogMelSettings> = Object.fromEntries(
    Object.entries(golden.json.settings).map(([name, values]) => [name, logMelSettingsOf(values)]),
  );
  for (const key of golden.keys()) {
    const [kind, setting, signal] = key.split('/') as [string, string, string];
    if (kind === 'signal')
      golden.tensor(key); // read where it is used
    else if (kind === 'melW')
      report.near(key, melFilterBank(bankOf(settings[setting]!)), golden.tensor(key), TOLERANCE.melBank);
    else if (kind === 'stft') checkKernels(golden.tensor(key), key, settings.extra!, report);
    else if (kind === 'power') {
      // `power/n1024/…` is of the first setting of that size.
      const size = /^n(\d+)$/.exec(setting);
      const used = size
        ? Object.values(settings).find((s) => s.fftSize === Number(size[1]))
        : settings[setting];
      nearPower(report, key, samplesOf(golden.tensor(`signal/${signal}`)), used!, golden.tensor(key));
    } else if (kind === 'logmel') {
      const computed = createLogMel(settings[setting]!).compute(samplesOf(golden.tensor(`signal/${signal}`)));
      nearLogMel(
        report,
        key,
        computed,
        golden.tensor(key),
        signalKind(golden.json.keys[`signal/${signal}`].what),
      );
    } else throw new Error(`an unknown key: ${key}`);
  }
  for (const [key, expected] of Object.entries<string>(golden.json.short_input)) {
    const length = /^length_(\d+)$/.exec(key)?.[1];
    if (length === undefined) continue;
    const refused = refuses(() =>
      powerSpectrogram(
        new Float32Array(Number(length)),
        settings.config_44100_50_8000 ?? Object.values(settings)[0]!,
      ),
    );
    report.equal(`${length} samples`, refused, expected.includes('Error'));
  }
};

/** Resampling as torchaudio does it: kernels and outputs, and what becomes of stereo. */
export const checkResample: Check = async (golden, report) => {
  const rate = 44100;
  for (const key of golden.keys()) {
    const [kind, from] = key.split('/') as [string, string];
    if (key === 'stereo/in') continue;
    if (key === 'stereo/out_reference') {
      const stereo = golden.tensor('stereo/in');
      const length = stereo.shape[1]!;
      const channels = [0, 1].map((c) => (stereo.data as Float32Array).slice(c * length, (c + 1) * length));
      const resampled = channels.map((channel) => resample(channel, 16000, rate));
      report.near(
        key,
        toMono({ channels: resampled }, 'concatenate'),
        golden.tensor(key),
        TOLERANCE.resampled,
      );
    } else if (kind === 'in') golden.tensor(key);
    else if (kind === 'out')
      report.near(
        key,
        resample(samplesOf(golden.tensor(`in/${from}`)), Number(from), rate),
        golden.tensor(key),
        TOLERANCE.resampled,
      );
    else if (kind === 'kernel')
      report.near(
        key,
        resampleKernel(Number(from), rate).kernel,
        golden.tensor(key),
        TOLERANCE.resampleKernel,
      );
    else throw new Error(`an unknown key: ${key}`);
  }
};

/** Fitting to a duration: looping exactly, windows within the reference's range. */
export const checkFit: Check = async ({ json }, report) => {
  for (const [i, { n, target, rule, output, ...rest }] of json.cases.entries()) {
    const samples = Float32Array.from({ length: n }, (_, k) => k + 1);
    if (rule === 'loop') {
      report.equal(`case ${i}`, [...fitToLength(samples, target, { mode: 'loop', crop: 'start' })], output);
      continue;
    }
    // A window: whichever start is drawn, it is one of the reference's, which never takes the last.
    for (let draw = 0; draw < 50; draw++) {
      const uniform = (draw + 0.5) / 50;
      const rng = { int: (limit: number) => Math.floor(uniform * limit) } as never;
      const window = fitToLength(samples, target, { mode: 'loop', crop: 'random', rng });
      const start = window[0]! - 1;
      report.equal(
        `case ${i} draw ${draw}: a window`,
        [...window],
        Array.from({ length: target }, (_, k) => start + k + 1),
      );
      report.equal(`case ${i} draw ${draw}: start`, start >= 0 && start < n - target, true);
    }
    void rest;
  }
};

/** Signals whose every bin holds more than rounding. */
const BROADBAND = ['noise', 'impulse', 'speech'];

export function signalKind(description: string): string {
  return /"kind": "(\w+)"/.exec(description)?.[1] ?? 'noise';
}

/**
 * Log-mels in dB: strictly where a bin holds sound, loosely in bins of pure tones far below the frame's maximum, which
 * hold rounding of the float32 STFT.
 */
export function nearLogMel(
  report: Report,
  what: string,
  actual: ArrayLike<number>,
  expected: NdArray,
  kind: string,
): void {
  const mels = expected.shape.at(-1)!;
  const values = expected.data as Float32Array;
  const broadband = BROADBAND.includes(kind);
  let [loud, quiet, silent] = [0, 0, 0];
  for (let start = 0; start < values.length; start += mels) {
    const frame = values.subarray(start, start + mels);
    const max = frame.reduce((a, b) => Math.max(a, b));
    frame.forEach((value, i) => {
      const error = Math.abs(actual[start + i]! - value);
      if (kind === 'silence') silent = Math.max(silent, error);
      else if (broadband || value > max - 70) loud = Math.max(loud, error);
      else quiet = Math.max(quiet, error);
    });
  }
  const tolerance = broadband ? TOLERANCE.logMelBroadband : TOLERANCE.logMel;
  report.add({ what, error: actual.length === values.length ? loud : Number.POSITIVE_INFINITY, tolerance });
  if (quiet > 0)
    report.add({ what: `${what}: far below the maximum`, error: quiet, tolerance: TOLERANCE.logMelQuiet });
  if (kind === 'silence') report.add({ what: `${what}: silence`, error: silent, tolerance: 0 });
}

function nearPower(
  report: Report,
  what: string,
  samples: Float32Array,
  settings: LogMelSettings,
  expected: NdArray,
): void {
  const power = powerSpectrogram(samples, settings);
  const actual = 'data' in power ? (power as NdArray).data : (power as unknown as Float32Array);
  const bins = expected.shape[1]!;
  const values = expected.data as Float32Array;
  let worst = actual.length === values.length ? 0 : Number.POSITIVE_INFINITY;
  for (let start = 0; start < values.length; start += bins) {
    const frame = values.subarray(start, start + bins);
    const allowed = TOLERANCE.power * frame.reduce((a, b) => Math.max(a, b)) + TOLERANCE.powerFloor;
    frame.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(Number(actual[start + i]) - value) / allowed);
    });
  }
  report.add({ what: `${what} (in units of the tolerance)`, error: worst, tolerance: 1 });
}

function checkKernels(expected: NdArray, key: string, settings: LogMelSettings, report: Report): void {
  const { real, imag } = stftKernels(settings.fftSize);
  const kernel = key.includes('real') ? real : imag;
  report.near(
    key,
    kernel.data.subarray(0, expected.data.length) as Float32Array,
    expected,
    TOLERANCE.stftKernel,
  );
}

function bankOf({ melSampleRate, fftSize, mels, fMin, fMax }: LogMelSettings) {
  return { sampleRate: melSampleRate, fftSize, mels, fMin, fMax };
}

function samplesOf({ data }: NdArray): Float32Array {
  return data as Float32Array;
}

function refuses(run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch (error) {
    return isPengiError(error) && error.code === 'E_AUDIO_TOO_SHORT';
  }
}
