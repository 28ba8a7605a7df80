// What the models hear: the log-mel of a recording, in decibels, without any model or tensor engine.
//   tsx log-mel.ts RECORDING
import { createFrontend, RELEASED_FRONTEND } from '@pengi/audio-frontend';

const [recording] = process.argv.slice(2);
if (!recording) throw new Error('usage: tsx log-mel.ts RECORDING');

const frontend = createFrontend(RELEASED_FRONTEND);
const { samples, warnings } = await frontend.load(recording); // mono, 44.1 kHz, 7 s
for (const warning of warnings) console.warn(warning);
const { data, shape } = frontend.logMelBatch([samples]); // [1 recording, 965 frames, 64 mels]
const [, frames, mels] = shape as [number, number, number];
console.log(`${frames} frames, ${mels} mel bands`);
for (let from = 0; from < mels; from += 8) {
  let sum = 0;
  for (let t = 0; t < frames; t++) for (let m = from; m < from + 8; m++) sum += data[t * mels + m]!;
  console.log(`bands ${from} to ${from + 7}: ${(sum / (8 * frames)).toFixed(1)} dB on average`);
}
