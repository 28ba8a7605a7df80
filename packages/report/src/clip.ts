/** Recordings of a report: small enough to be within the page, and pictures of them. */
import { createFrontend, RELEASED_FRONTEND } from '@pengi/audio-frontend';
import { isPengiError } from '@pengi/core';
import { dataUri, type Html, html } from './html.js';
import { type LogMelClip, spectrogramSvg } from './spectrogram.js';

/** Speech and most sounds are told by what is below 8 kHz. */
const RATE = 16000;
const MOST_SECONDS = 7;

/** The axes of the pictures, and how they are made. */
export const EXAMPLE_AXES = {
  ...RELEASED_FRONTEND,
  sampleRate: RATE,
  hopLength: 320,
  fMax: RATE / 2,
  melSampleRate: RATE,
  topDb: 80,
} as const;

export interface ExampleClip {
  /** A WAV file. */
  readonly bytes: Uint8Array;
  readonly logMel: LogMelClip;
}

/** The recording's beginning; undefined for what is not there or cannot be read. */
export async function exampleClip(path: string): Promise<ExampleClip | undefined> {
  const frontend = createFrontend(EXAMPLE_AXES);
  try {
    const { samples: whole } = await frontend.loadResampled(path);
    const samples = whole.subarray(0, MOST_SECONDS * RATE);
    const data = frontend.logMel(samples);
    return {
      bytes: wav16(samples),
      logMel: { data, frames: data.length / EXAMPLE_AXES.mels, mels: EXAMPLE_AXES.mels },
    };
  } catch (error) {
    if (isPengiError(error)) return undefined;
    throw error;
  }
}

/** A clip to be seen and heard. */
export function clipFigure({ bytes, logMel }: ExampleClip, name: string): Html {
  return html`${spectrogramSvg(logMel, EXAMPLE_AXES, `Spectrogram of ${name}`)}
<audio controls preload="none" src="${dataUri('audio/wav', bytes)}"></audio>`;
}

/** A mono WAVE file of 16-bit samples: half of what floats take. */
export function wav16(samples: Float32Array): Uint8Array {
  const bytes = new Uint8Array(44 + 2 * samples.length);
  const view = new DataView(bytes.buffer);
  const name = (at: number, text: string) => bytes.set(new TextEncoder().encode(text), at);
  name(0, 'RIFF');
  view.setUint32(4, 36 + 2 * samples.length, true);
  name(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true);
  view.setUint32(28, 2 * RATE, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  name(36, 'data');
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => {
    view.setInt16(44 + 2 * i, Math.round(32767 * Math.max(-1, Math.min(1, sample))), true);
  });
  return bytes;
}
