/** What the examples are run on in the project's own checks: models of random weights, which know nothing, and a tone. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeWav } from '@pengi/audio-frontend';
import { saveModelFolder, writeSafetensors } from '@pengi/checkpoint';
import { clapSpec } from '@pengi/clap';
import { flatten, type NdArray } from '@pengi/core';
import { GPT2_BASE, gpt2Spec } from '@pengi/gpt2';
import { initParams } from '@pengi/nn';
import { pengiSpec, smallConfigs } from 'pengi';

const PROMPTS = [
  'generate audio caption',
  'generate metadata',
  'this is a sound of',
  'question: what is it?',
];
const ANSWERS = ['a dog barks', 'a cat', 'rain falls'];

/** `dir/pengi`, `dir/clap`, `dir/recordings` with two recordings, and `dir/data` with these as an ESC-50 of two. */
export async function makeModels(dir: string): Promise<void> {
  const { pengi, clap } = smallConfigs({ prompts: PROMPTS, answers: ANSWERS });
  const card = { title: 'Random weights', text: 'Knows nothing.', licence: 'MIT' };
  await saveModelFolder(join(dir, 'pengi'), {
    config: pengi,
    tensors: initParams(pengiSpec(pengi), 1),
    card,
  });
  await saveModelFolder(join(dir, 'clap'), { config: clap, tensors: initParams(clapSpec(clap), 2), card });
  const gpt2 = initParams(gpt2Spec({ ...GPT2_BASE, width: 64, heads: 1, layers: 2 }), 3);
  await writeSafetensors(join(dir, 'gpt2.safetensors'), flatten<NdArray>(gpt2));
  const recordings = join(dir, 'recordings');
  mkdirSync(recordings, { recursive: true });
  for (const [name, step] of [
    ['low.wav', 0.02],
    ['high.wav', 0.2],
  ] as const) {
    const samples = Float32Array.from({ length: 2 * 44100 }, (_, n) => 0.3 * Math.sin(step * n));
    writeFileSync(join(recordings, name), encodeWav({ channels: [samples], sampleRate: 44100 }));
  }
  const esc50 = join(dir, 'data/ESC-50');
  mkdirSync(join(esc50, 'meta'), { recursive: true });
  cpSync(recordings, join(esc50, 'audio'), { recursive: true });
  const rows = ['low.wav,1,0,cow,True,1,A', 'high.wav,2,1,chirping_birds,True,2,A'];
  const header = 'filename,fold,target,category,esc10,src_file,take';
  writeFileSync(join(esc50, 'meta/esc50.csv'), `${[header, ...rows].join('\n')}\n`);
}
