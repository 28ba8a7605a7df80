/** Small tasks in the layout of hear-preprocess: made sounds, so that nothing has to be there. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeWav } from '@pengi/audio-frontend';
import { createRng, type Rng } from '@pengi/core';

const LABELS = ['low', 'middle', 'high'] as const;
type Label = (typeof LABELS)[number];

interface Event {
  readonly label: Label;
  /** ms */
  readonly start: number;
  readonly end: number;
}

/**
 * "made_scenes", one of three kinds of noisy tones in three folds, and "made_events", bursts of them in time.
 * @returns the folder of both
 */
export async function madeTasks(root: string, sampleRate: number): Promise<string> {
  const rng = createRng(0);
  const sound = (seconds: number, events: readonly Event[]) => {
    const samples = Float32Array.from({ length: seconds * sampleRate }, () => 0.1 * (2 * rng.uniform() - 1));
    for (const { label, start, end } of events) {
      const frequency = 200 * 1.7 ** (LABELS.indexOf(label) + rng.uniform());
      for (let i = Math.round(start * (sampleRate / 1000)); i < end * (sampleRate / 1000); i++)
        samples[i]! += 0.1 * Math.sin((2 * Math.PI * frequency * i) / sampleRate);
    }
    return samples;
  };

  const scenes = (fold: string) =>
    Array.from({ length: 24 }, (_, i) => {
      const label = LABELS[i % 3]!;
      return { file: `${fold}_${i}.wav`, what: [label], samples: sound(1, [{ label, start: 0, end: 1000 }]) };
    });
  await writeTask(join(root, 'made_scenes-1.0-full'), sampleRate, {
    metadata: {
      task_name: 'made_scenes',
      embedding_type: 'scene',
      prediction_type: 'multiclass',
      split_mode: 'presplit_kfold',
      sample_duration: 1,
      evaluation: ['top1_acc', 'mAP', 'd_prime', 'aucroc'],
    },
    splits: Object.fromEntries(['fold00', 'fold01', 'fold02'].map((fold) => [fold, scenes(fold)])),
  });

  const events = (split: string, count: number) =>
    Array.from({ length: count }, (_, i) => {
      const what = [0, 1, 2].map((part) => burst(rng, part));
      return { file: `${split}_${i}.wav`, what, samples: sound(3, what) };
    });
  await writeTask(join(root, 'made_events-1.0-full'), sampleRate, {
    metadata: {
      task_name: 'made_events',
      embedding_type: 'event',
      prediction_type: 'multilabel',
      split_mode: 'trainvaltest',
      sample_duration: 3,
      evaluation: ['event_onset_200ms_fms', 'segment_1s_er'],
    },
    splits: { train: events('train', 12), valid: events('valid', 6), test: events('test', 6) },
  });
  return root;
}

/** One in each second. */
function burst(rng: Rng, second: number): Event {
  const start = 1000 * second + Math.round(400 * rng.uniform());
  return { label: LABELS[rng.int(3)]!, start, end: start + 500 };
}

interface MadeTask {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly splits: Readonly<
    Record<string, readonly { file: string; what: readonly unknown[]; samples: Float32Array }[]>
  >;
}

async function writeTask(dir: string, sampleRate: number, { metadata, splits }: MadeTask): Promise<void> {
  await mkdir(dir, { recursive: true });
  const names = Object.keys(splits);
  const about = {
    version: '1.0',
    mode: 'full',
    ...metadata,
    nfolds: names.length,
    splits: names,
    // Enough for tones, and quick.
    evaluation_params: { task_specific_param_grid: { hidden_dim: [128], max_epochs: [30] } },
  };
  await writeFile(join(dir, 'task_metadata.json'), JSON.stringify(about));
  await writeFile(
    join(dir, 'labelvocabulary.csv'),
    `idx,label\n${LABELS.map((label, i) => `${i},${label}\n`).join('')}`,
  );
  for (const [split, clips] of Object.entries(splits)) {
    const folder = join(dir, String(sampleRate), split);
    await mkdir(folder, { recursive: true });
    await writeFile(
      join(dir, `${split}.json`),
      JSON.stringify(Object.fromEntries(clips.map(({ file, what }) => [file, what]))),
    );
    for (const { file, samples } of clips)
      await writeFile(join(folder, file), encodeWav({ channels: [samples], sampleRate }));
  }
}
