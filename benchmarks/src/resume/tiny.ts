/** A data root in the official layouts and a model of a hundred thousand parameters, both made in a moment. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeWav } from '@pengi/audio-frontend';
import { BENCHMARK_TASKS } from '@pengi/bench';
import { saveModelFolder } from '@pengi/checkpoint';
import { createRng } from '@pengi/core';
import { initParams } from '@pengi/nn';
import { pengiSpec, smallConfigs, TINY_SIZES } from 'pengi';

const CLASSES = ['dog', 'rain', 'clock_tick', 'rooster'];
const QUESTIONS = ['is there a dog', 'what is it'];
const CAPTIONS = ['a dog barks', 'rain falls', 'a clock ticks', 'a rooster crows'];

/** ESC-50 of `clips` recordings, ClothoAQA and Clotho of a third as many each; one recording is damaged. */
export async function writeTinyData(root: string, clips: number): Promise<void> {
  const rng = createRng(3);
  const wav = (seconds: number, pitch: number) => {
    const samples = Float32Array.from(
      { length: seconds * 16000 },
      (_, n) => 0.4 * Math.sin((pitch * n) / 16000) + 0.1 * (rng.uniform() - 0.5),
    );
    return encodeWav({ channels: [samples], sampleRate: 16000 });
  };
  const esc = join(root, 'ESC-50');
  await Promise.all(['meta', 'audio'].map((name) => mkdir(join(esc, name), { recursive: true })));
  const rows = ['filename,fold,target,category,esc10,src_file,take'];
  for (let i = 0; i < clips; i++) {
    const name = `${(i % 5) + 1}-${i}-A-${i % 4}.wav`;
    rows.push(`${name},${(i % 5) + 1},${i % 4},${CLASSES[i % 4]},True,${i},A`);
    await writeFile(
      join(esc, 'audio', name),
      i === 7 ? 'RIFF, and nothing more' : wav(0.4, 500 + 300 * (i % 4) + i),
    );
  }
  await writeFile(join(esc, 'meta/esc50.csv'), `${rows.join('\n')}\n`);

  const third = Math.ceil(clips / 3);
  const aqa = join(root, 'ClothoAQA');
  await mkdir(join(aqa, 'audio_files'), { recursive: true });
  const clotho = join(root, 'Clotho');
  const [files, tables] = [join(clotho, 'clotho_audio_files/evaluation'), join(clotho, 'clotho_csv_files')];
  await Promise.all([files, tables].map((folder) => mkdir(folder, { recursive: true })));
  const answers = ['file_name,QuestionText,answer,confidence'];
  const captions = ['file_name,caption_1,caption_2,caption_3,caption_4,caption_5'];
  for (let i = 0; i < third; i++) {
    const [name, bytes] = [`${i}.wav`, wav(0.4, 900 + 40 * i)];
    await writeFile(join(aqa, 'audio_files', name), bytes);
    await writeFile(join(files, name), bytes);
    for (const answer of ['yes', 'no', 'dog']) answers.push(`${name},${QUESTIONS[i % 2]},${answer},yes`);
    captions.push([name, ...[0, 1, 2, 3, 0].map((k) => CAPTIONS[(i + k) % 4])].join(','));
  }
  await writeFile(join(aqa, 'clotho_aqa_test.csv'), `${answers.join('\n')}\n`);
  await writeFile(join(tables, 'clotho_captions_evaluation.csv'), `${captions.join('\n')}\n`);
}

/** A Pengi of random weights that knows the words of the tasks above. */
export async function writeTinyModel(dir: string, seed = 1): Promise<void> {
  const wordings = BENCHMARK_TASKS.filter(({ id }) => id === 'esc50').flatMap(({ wordings: texts }) =>
    typeof texts === 'object' ? Object.values(texts) : [],
  );
  const texts = [...wordings, ...CAPTIONS, 'yes', 'no'];
  const prompts = [...new Set(BENCHMARK_TASKS.map(({ prompt }) => prompt.replace('{q}', ''))), ...QUESTIONS];
  const { pengi } = smallConfigs(
    { prompts: [...prompts, ...QUESTIONS.map((text) => `question: ${text}`)], answers: texts },
    TINY_SIZES,
  );
  await saveModelFolder(dir, { config: pengi, tensors: initParams(pengiSpec(pengi), seed) });
}
