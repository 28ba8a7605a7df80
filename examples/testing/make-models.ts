/** What the examples are run on in the project's own checks: models of random weights, which know nothing, and a tone. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeWav } from '@pengi/audio-frontend';
import { saveModelFolder } from '@pengi/checkpoint';
import { clapSpec } from '@pengi/clap';
import { initParams } from '@pengi/nn';
import { pengiSpec, smallConfigs } from 'pengi';

const PROMPTS = [
  'generate audio caption',
  'generate metadata',
  'this is a sound of',
  'question: what is it?',
];
const ANSWERS = ['a dog barks', 'a cat', 'rain falls'];

/** `dir/pengi`, `dir/clap`, and `dir/recordings` with two recordings. */
export async function makeModels(dir: string): Promise<void> {
  const { pengi, clap } = smallConfigs({ prompts: PROMPTS, answers: ANSWERS });
  const card = { title: 'Random weights', text: 'Knows nothing.', licence: 'MIT' };
  await saveModelFolder(join(dir, 'pengi'), {
    config: pengi,
    tensors: initParams(pengiSpec(pengi), 1),
    card,
  });
  await saveModelFolder(join(dir, 'clap'), { config: clap, tensors: initParams(clapSpec(clap), 2), card });
  const recordings = join(dir, 'recordings');
  mkdirSync(recordings, { recursive: true });
  for (const [name, step] of [
    ['low.wav', 0.02],
    ['high.wav', 0.2],
  ] as const) {
    const samples = Float32Array.from({ length: 2 * 44100 }, (_, n) => 0.3 * Math.sin(step * n));
    writeFileSync(join(recordings, name), encodeWav({ channels: [samples], sampleRate: 44100 }));
  }
}
