import { encode } from 'fast-png';
import { dataUri, type Html, html } from './html.js';

/** A log-mel spectrogram: `data` is [frames, mels], in dB. */
export interface LogMelClip {
  readonly data: Float32Array;
  readonly frames: number;
  readonly mels: number;
}

/** The settings of the front end that the axes need; its config has them all. */
export interface SpectrogramAxes {
  /** Hz */
  readonly sampleRate: number;
  /** Samples between frames. */
  readonly hopLength: number;
  /** Edges of the mel bank, Hz at `melSampleRate`. */
  readonly fMin: number;
  readonly fMax: number;
  /** The rate that the bank was built for; `sampleRate` by default. */
  readonly melSampleRate?: number;
}

/**
 * A log-mel spectrogram as a PNG of `frames` x `mels` pixels in the colours of matplotlib's "magma": time to the right,
 * frequency upwards, the loudest value brightest, and everything `RANGE_DB` below it or less black.
 */
export function spectrogramPng({ data, frames, mels }: LogMelClip): Uint8Array {
  const finite = data.filter(Number.isFinite);
  const peak = finite.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const lowest = finite.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const floor = Math.max(lowest, peak - RANGE_DB);
  const pixels = new Uint8Array(frames * mels);
  for (let t = 0; t < frames; t++)
    for (let m = 0; m < mels; m++) {
      const height = ((data[t * mels + m] as number) - floor) / (peak - floor);
      // NaN, as of a clip of one value only, becomes 0 in a byte array.
      pixels[(mels - 1 - m) * frames + t] = Math.round(255 * Math.min(1, Math.max(0, height)));
    }
  return encode({ width: frames, height: mels, data: pixels, depth: 8, channels: 1, palette: MAGMA });
}

/** The spectrogram with its axes in hertz and seconds, as an SVG picture that scales with the page. */
export function spectrogramSvg(clip: LogMelClip, axes: SpectrogramAxes, label: string): Html {
  const seconds = (clip.frames * axes.hopLength) / axes.sampleRate;
  const x = (time: number) => LEFT + (time / seconds) * (RIGHT - LEFT);
  const y = frequencyScale(axes);
  const step = TIME_STEPS.find((candidate) => seconds / candidate <= 6) ?? seconds;
  const times = Array.from({ length: Math.floor(seconds / step + 1e-9) + 1 }, (_, i) => i * step);
  const frequencies = OCTAVES.filter((hertz) => y(hertz) <= BOTTOM - 4 && y(hertz) >= TOP);

  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">
<image href="${dataUri('image/png', spectrogramPng(clip))}" x="${LEFT}" y="${TOP}" width="${RIGHT - LEFT}" height="${BOTTOM - TOP}" preserveAspectRatio="none"/>
${frequencies.map(
  (
    hertz,
  ) => html`<path d="M${LEFT - 4} ${fixed(y(hertz))}h4"/><text x="${LEFT - 6}" y="${fixed(y(hertz) + 3.5)}" text-anchor="end">${kilo(hertz)}</text>
`,
)}${times.map(
  (
    time,
  ) => html`<path d="M${fixed(x(time))} ${BOTTOM}v4"/><text x="${fixed(x(time))}" y="${BOTTOM + 15}" text-anchor="middle">${Number(time.toFixed(2))}</text>
`,
)}<text x="10" y="${(TOP + BOTTOM) / 2}" text-anchor="middle" transform="rotate(-90 10 ${(TOP + BOTTOM) / 2})">frequency (Hz)</text>
<text x="${(LEFT + RIGHT) / 2}" y="${HEIGHT - 3}" text-anchor="middle">time (s)</text>
</svg>`;
}

const RANGE_DB = 80;
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [360, 200, 44, 352, 6, 164];
const TIME_STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60];
const OCTAVES = [250, 500, 1000, 2000, 4000, 8000, 16000];

/** The height in the picture of a frequency: linear in mels. */
function frequencyScale({ sampleRate, fMin, fMax, melSampleRate = sampleRate }: SpectrogramAxes) {
  const [low, high] = [slaneyMel(fMin), slaneyMel(fMax)];
  return (hertz: number) => {
    const share = (slaneyMel((hertz * melSampleRate) / sampleRate) - low) / (high - low);
    return BOTTOM - share * (BOTTOM - TOP);
  };
}

/** Slaney's mel scale, librosa's default: linear up to 1 kHz, logarithmic above. */
function slaneyMel(hertz: number): number {
  return hertz < 1000 ? (3 * hertz) / 200 : 15 + (27 * Math.log(hertz / 1000)) / Math.log(6.4);
}

function kilo(hertz: number): string {
  return hertz < 1000 ? String(hertz) : `${hertz / 1000}k`;
}

function fixed(value: number): string {
  return value.toFixed(1);
}

/** Every 32nd colour of matplotlib's "magma"; those between are interpolated. */
const ANCHORS = [
  [0, 0, 4],
  [28, 16, 68],
  [79, 18, 123],
  [129, 37, 129],
  [181, 54, 122],
  [229, 80, 100],
  [251, 135, 97],
  [254, 194, 135],
  [252, 253, 191],
] as const;

const MAGMA = Array.from({ length: 256 }, (_, i): [number, number, number] => {
  const position = (i / 255) * (ANCHORS.length - 1);
  const below = Math.min(Math.floor(position), ANCHORS.length - 2);
  const [from, to] = [ANCHORS[below] as readonly number[], ANCHORS[below + 1] as readonly number[]];
  const mix = (channel: number) =>
    Math.round(from[channel]! + (to[channel]! - from[channel]!) * (position - below));
  return [mix(0), mix(1), mix(2)];
});
