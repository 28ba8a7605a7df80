/** Small models of random weights, and recordings, in a folder. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { saveModelFolder } from '@pengi/checkpoint';
import { clapSpec } from '@pengi/clap';
import { initParams } from '@pengi/nn';
import { type PengiConfig, pengiSpec, SMALL_FRONTEND, smallConfigs } from 'pengi';

export const PROMPTS = ['generate audio caption', 'generate metadata', 'question: what is it?'];

/** 0.3 s of audio, an encoder of two blocks: everything that a full model has, in a hundredth of a second. */
export const TINY = smallConfigs(
  {
    prompts: [...PROMPTS, 'this is a sound of dog', 'this is a sound of cat'],
    answers: ['a dog', 'a cat', 'it is a dog'],
  },
  {
    frontend: { ...SMALL_FRONTEND, durationSeconds: 0.3 },
    audio: {
      specSize: 64,
      mels: 64,
      patchSize: 8,
      embedDim: 8,
      depths: [1, 1],
      heads: [2, 2],
      windowSize: 8,
      mlpRatio: 2,
      classes: 1,
      positionEmbedding: null,
      dropPath: 0,
    },
  },
);

/** Folders `model` (Pengi) and `clap` below `dir`. */
export async function saveTinyModels(dir: string, pengi: PengiConfig = TINY.pengi): Promise<void> {
  await saveModelFolder(join(dir, 'model'), { config: pengi, tensors: initParams(pengiSpec(pengi), 1) });
  await saveModelFolder(join(dir, 'clap'), {
    config: TINY.clap,
    tensors: initParams(clapSpec(TINY.clap), 1),
  });
}

/** A WAV file of float samples at 16 kHz. */
export async function writeWav(path: string, samples: Float32Array): Promise<void> {
  const file = Buffer.alloc(44 + samples.byteLength);
  file.write('RIFF', 0);
  file.writeUInt32LE(36 + samples.byteLength, 4);
  file.write('WAVEfmt ', 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(3, 20); // IEEE float
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(16000, 24);
  file.writeUInt32LE(64000, 28);
  file.writeUInt16LE(4, 32);
  file.writeUInt16LE(32, 34);
  file.write('data', 36);
  file.writeUInt32LE(samples.byteLength, 40);
  Buffer.from(samples.buffer).copy(file, 44);
  await writeFile(path, file);
}
