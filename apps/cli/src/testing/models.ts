/** Small models of random weights, and recordings, in a folder. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeWav } from '@pengi/audio-frontend';
import { saveModelFolder } from '@pengi/checkpoint';
import { clapSpec } from '@pengi/clap';
import { initParams } from '@pengi/nn';
import {
  type ClapcapConfig,
  clapcapSpec,
  type PengiConfig,
  pengiSpec,
  smallConfigs,
  TINY_SIZES,
} from 'pengi';

export const PROMPTS = ['generate audio caption', 'generate metadata', 'question: what is it?'];

/** 0.3 s of audio, an encoder of two blocks: everything that a full model has, in a hundredth of a second. */
export const TINY = smallConfigs(
  {
    prompts: [...PROMPTS, 'this is a sound of dog', 'this is a sound of cat'],
    answers: ['a dog', 'a cat', 'it is a dog'],
  },
  TINY_SIZES,
);

const { frontend, audio, embedding, gpt2, audioMapper: mapper, stopToken } = TINY.pengi;

const CLAPCAP: ClapcapConfig = {
  model: 'clapcap',
  frontend,
  audio,
  embedding,
  gpt2,
  mapper,
  stopToken,
};

/** Folders `model` (Pengi), `clap` and `clapcap` below `dir`. */
export async function saveTinyModels(dir: string, pengi: PengiConfig = TINY.pengi): Promise<void> {
  await saveModelFolder(join(dir, 'model'), { config: pengi, tensors: initParams(pengiSpec(pengi), 1) });
  await saveModelFolder(join(dir, 'clap'), {
    config: TINY.clap,
    tensors: initParams(clapSpec(TINY.clap), 1),
  });
  await saveModelFolder(join(dir, 'clapcap'), {
    config: CLAPCAP,
    tensors: initParams(clapcapSpec(CLAPCAP), 1),
  });
}

/** A WAV file of float samples at 16 kHz. */
export async function writeWav(path: string, samples: Float32Array): Promise<void> {
  await writeFile(path, encodeWav({ channels: [samples], sampleRate: 16000 }));
}
