/** HEAR's embedding stage: the recordings of a task to the files that its kit trains on. */
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readAudio, resample, toMono } from '@pengi/audio-frontend';
import { floats, type NdArray, PengiError, type StartProgress, silentProgress } from '@pengi/core';
import { fileError, writeFileAtomic } from '@pengi/core/node';
import { npy, rawFloats } from './npy.js';
import { pickled } from './pickle.js';
import { createPythonRandom } from './python-random.js';
import { type HearClip, type HearTask, hearRate } from './task-folder.js';

/** Any model behind HEAR's embedding API. */
export interface HearEncoder {
  /** Names the folder of its embeddings. */
  readonly name: string;
  /** Changes with the weights and settings: embeddings of another key are made anew. */
  readonly key: string;
  /** Hz. */
  readonly sampleRate: number;
  /** [n, D] of n sounds of one length. */
  sceneEmbeddings(sounds: readonly Float32Array[]): Promise<NdArray<'float32'>>;
  /** [n, T, D], and [n, T] in ms. */
  timestampEmbeddings(
    sounds: readonly Float32Array[],
  ): Promise<{ embeddings: NdArray<'float32'>; timestamps: NdArray<'float32'> }>;
}

export interface EmbedTaskOptions {
  /** Recordings at once, at most; default 16. */
  readonly batch?: number;
  readonly progress?: StartProgress;
  /** Recordings are longer than this: E_AUDIO_TOO_LONG. Default 1200 s, which HEAR has as its limit. */
  readonly maxSeconds?: number;
}

/** What `embedTask` notes in the marker that the kit has empty. */
interface Marker {
  readonly encoder: string;
  readonly task: string;
  /** Of the recordings that were read. */
  readonly sampleRate: number;
}

const MARKER = '.done.embeddings';

/**
 * Embeds a task into `out/<encoder>/<task>/`, in the files of heareval 2021.1.3: per clip `<split>/<file>.embedding.npy`,
 * `.target-labels.json` and (events) `.timestamps.json`; per split `<split>.embeddings.npy`, which is no NumPy file but bare float32,
 * `.embedding-dimensions.json`, `.target-labels.pkl`, (events) `.filename-timestamps.json`; and of our own `.target-labels.json`.
 * A folder that is complete, of the same encoder and task, is left as it is.
 * @returns the folder
 * @throws PengiError E_AUDIO_*, E_NOT_FOUND, E_NONFINITE, E_SHAPE, E_CANNOT_CREATE, E_IO; what the encoder throws
 */
export async function embedTask(
  task: HearTask,
  encoder: HearEncoder,
  out: string,
  options: EmbedTaskOptions = {},
): Promise<string> {
  const dir = join(out, encoder.name, task.id);
  const rate = await hearRate(task, encoder.sampleRate);
  const marker: Marker = { encoder: encoder.key, task: task.fingerprint, sampleRate: rate };
  const content = JSON.stringify(marker);
  if ((await readFile(join(dir, MARKER), 'utf8').catch(() => '')) === content) return dir;

  const total = [...task.splits.values()].reduce((sum, clips) => sum + clips.length, 0);
  const bar = (options.progress ?? silentProgress)(`embedding ${task.id}`);
  let done = 0;
  try {
    await writing(join(dir, MARKER), () => rm(join(dir, MARKER), { force: true }));
    await writing(dir, () => mkdir(dir, { recursive: true }));
    const described = ['task_metadata.json', 'labelvocabulary.csv'];
    for (const name of [...described, ...task.metadata.splits.map((split) => `${split}.json`)])
      await writing(join(dir, name), () => copyFile(join(task.dir, name), join(dir, name)));
    // One stream over all splits, as in the kit.
    const random = createPythonRandom(0);
    for (const [split, clips] of task.splits) {
      await writing(join(dir, split), () => mkdir(join(dir, split), { recursive: true }));
      const rows = new Map<string, ClipRows>();
      for await (const [clip, own] of embedClips(task, split, encoder, rate, options)) {
        rows.set(clip.file, own);
        await writeClip(join(dir, split, clip.file), own);
        bar.update(++done, total);
      }
      await writeSplit(dir, split, random.shuffle(clips), rows);
    }
    await writeFileAtomic(join(dir, MARKER), content);
  } finally {
    bar.end();
  }
  return dir;
}

/** Of one clip: rows [T, D] (one for a scene), the labels of each, and when they are (ms, events only). */
interface ClipRows {
  readonly embeddings: NdArray<'float32'>;
  readonly labels: readonly (readonly string[])[];
  readonly timestamps: readonly number[];
}

async function* embedClips(
  task: HearTask,
  split: string,
  encoder: HearEncoder,
  rate: number,
  { batch = 16, maxSeconds = 1200 }: EmbedTaskOptions,
): AsyncGenerator<[HearClip, ClipRows]> {
  let waiting: { clip: HearClip; sound: Float32Array }[] = [];
  for (const clip of task.splits.get(split)!) {
    const sound = await readSound(
      join(task.dir, String(rate), split, clip.file),
      encoder.sampleRate,
      maxSeconds,
    );
    // A batch has one length; the clips of most tasks do.
    if (waiting.length === batch || (waiting[0] && waiting[0].sound.length !== sound.length)) {
      yield* await embedBatch(task, waiting, encoder);
      waiting = [];
    }
    waiting.push({ clip, sound });
  }
  if (waiting.length > 0) yield* await embedBatch(task, waiting, encoder);
}

async function readSound(path: string, sampleRate: number, maxSeconds: number): Promise<Float32Array> {
  const audio = await readAudio(path, { maxSeconds });
  return resample(toMono(audio), audio.sampleRate, sampleRate);
}

async function embedBatch(
  { metadata }: HearTask,
  batch: readonly { clip: HearClip; sound: Float32Array }[],
  encoder: HearEncoder,
): Promise<[HearClip, ClipRows][]> {
  const sounds = batch.map(({ sound }) => sound);
  if (metadata.embedding_type === 'scene') {
    const scenes = await encoder.sceneEmbeddings(sounds);
    return batch.map(({ clip }, i) => [
      clip,
      { embeddings: finite(rowOf(scenes, i), clip), labels: [clip.labels], timestamps: [] },
    ]);
  }
  const { embeddings, timestamps } = await encoder.timestampEmbeddings(sounds);
  return batch.map(({ clip }, i) => {
    const times = Array.from(rowOf(timestamps, i).data);
    const labels = times.map((time) => labelsAt(clip, time));
    return [clip, { embeddings: finite(rowOf(embeddings, i), clip), labels, timestamps: times }];
  });
}

/** The labels of the events that go on at a time; the kit counts an event's end in, by a ten-thousandth of a millisecond. */
function labelsAt({ events }: HearClip, time: number): string[] {
  return [
    ...new Set(
      events.filter(({ start, end }) => start <= time && time < end + 1e-4).map(({ label }) => label),
    ),
  ];
}

function rowOf({ data, shape }: NdArray<'float32'>, i: number): NdArray<'float32'> {
  const size = data.length / shape[0]!;
  return floats(data.slice(i * size, (i + 1) * size), shape.slice(1));
}

function finite(embedding: NdArray<'float32'>, { file }: HearClip): NdArray<'float32'> {
  if (!embedding.data.every(Number.isFinite))
    throw new PengiError('E_NONFINITE', 'its embedding holds what is no number', { file });
  return embedding;
}

async function writeClip(path: string, { embeddings, labels, timestamps }: ClipRows): Promise<void> {
  const scene = embeddings.shape.length === 1;
  await save(`${path}.embedding.npy`, npy(embeddings));
  await save(`${path}.target-labels.json`, JSON.stringify(scene ? labels[0] : labels));
  if (!scene) await save(`${path}.timestamps.json`, JSON.stringify(timestamps));
}

/** A split's files, its clips in the order in which the kit trains on them. */
async function writeSplit(
  dir: string,
  split: string,
  clips: readonly HearClip[],
  rows: ReadonlyMap<string, ClipRows>,
): Promise<void> {
  const parts = clips.map(({ file }) => ({ file, ...rows.get(file)! }));
  const width = parts[0]?.embeddings.shape.at(-1) ?? 0;
  const labels = parts.flatMap((part) => part.labels);
  const path = (end: string) => join(dir, `${split}.${end}`);
  await save(
    path('embeddings.npy'),
    Buffer.concat(parts.map(({ embeddings }) => rawFloats(embeddings.data))),
  );
  await save(path('embedding-dimensions.json'), JSON.stringify([labels.length, width]));
  await save(path('target-labels.pkl'), pickled(labels));
  await save(path('target-labels.json'), JSON.stringify(labels)); // what is read here: no pickles
  if (parts.some(({ timestamps }) => timestamps.length > 0)) {
    const times = parts.flatMap(({ file, timestamps }) =>
      timestamps.map((time) => [`${split}/${file}`, time]),
    );
    await save(path('filename-timestamps.json'), JSON.stringify(times));
  }
}

function save(path: string, content: Uint8Array | string): Promise<void> {
  return writing(path, () => writeFile(path, content));
}

async function writing<T>(path: string, act: () => Promise<T>): Promise<T> {
  return act().catch((error: unknown) => {
    throw fileError(error, path, 'written');
  });
}
