/**
 * The embedding API of HEAR (Turian et al., "HEAR: Holistic Evaluation of Audio Representations", PMLR 2022) over the audio
 * tower of a CLAP, a Pengi or a captioner: one embedding of a whole sound, and embeddings every 44 ms or so.
 */
import { floats, type NdArray, PengiError } from '@pengi/core';
import { htsatMoments, htsatSizes } from '@pengi/htsat';
import { defaultEngine, type Engine } from '@pengi/jit';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type AudioTower, openAudioTower } from './audio-tower.js';
import { excerpt, momentGrid } from './moment-grid.js';
import { filledUp, pooled, stacked } from './windows.js';

export interface HearOptions {
  /** Default: jit's default one. */
  engine?: Engine;
  /**
   * What an embedding is: HTSAT's output (768 channels; default) or its projection into the joint space (1024). The paper
   * probes the encoder without saying which; a probe of Pengi's mapper input would take the second.
   */
  embedding?: 'latent' | 'projected';
  /**
   * The scene embedding of a sound that is longer than the model's duration: the mean over its windows (default), or of the
   * part that the config's `crop` takes, as the reference has it.
   */
  long?: 'mean' | 'crop';
}

/** HEAR's model object; what it is given to are `getSceneEmbeddings` and `getTimestampEmbeddings`. */
export interface HearModel {
  /** Hz, of the audio that is expected: one of those that HEAR allows. */
  readonly sampleRate: number;
  readonly sceneEmbeddingSize: number;
  readonly timestampEmbeddingSize: number;
  /** `getSceneEmbeddings` of sounds that were checked: a row [size] of each. */
  readonly scenes: (sounds: readonly Float32Array[]) => Promise<Float32Array[]>;
  /** `getTimestampEmbeddings` of such sounds: rows [n_t, size] of each, and the times in ms of all. */
  readonly timestamps: (
    sounds: readonly Float32Array[],
  ) => Promise<{ rows: Float32Array[]; times: Float64Array }>;
  dispose(): Promise<void>;
}

/** HEAR's rates, Hz. */
const RATES = [16000, 22050, 32000, 44100, 48000];

/** HEAR wants a timestamp every 50 ms at least. */
const LONGEST_STEP = 0.05;

/** Windows that are encoded at once. */
const BATCH = 8;

/**
 * HEAR's `load_model(model_file_path)` for a model folder.
 * @throws PengiError E_NOT_FOUND, E_CHECKPOINT, E_CONFIG (also for a rate that HEAR does not have, and for a duration that
 *   does not fit HTSAT's image), E_WEIGHTS, E_ENGINE
 */
export async function loadModel(
  dir: string,
  { engine, embedding = 'latent', long = 'mean' }: HearOptions = {},
): Promise<HearModel> {
  const tower = await openAudioTower(dir);
  const { frontend, audio } = tower;
  const { sampleRate } = frontend.config;
  const { imageFrames, latent } = htsatSizes(audio);
  if (!RATES.includes(sampleRate))
    throw new PengiError('E_CONFIG', `HEAR has no models at ${sampleRate} Hz; it has ${RATES.join(', ')}`, {
      file: dir,
    });
  if (frontend.frames > imageFrames)
    throw new PengiError('E_CONFIG', `${frontend.frames} frames do not fit the image of ${imageFrames}`, {
      file: dir,
    });
  const size = embedding === 'latent' ? latent : tower.embedding;
  const program = tower.compile(engine ?? (await defaultEngine()), 'hear', (htsat, logMel, project) => {
    const moments = htsatMoments(htsat, logMel, audio); // [B, M, C]
    const [B, M, C] = moments.shape as [number, number, number];
    if (embedding === 'latent') return { scene: tf.mean(moments, 1) as Tensor, moments };
    const projected = project(tf.reshape(moments, [B * M, C]));
    return { scene: project(tf.mean(moments, 1)), moments: tf.reshape(projected, [B, M, size]) };
  });

  return {
    sampleRate,
    sceneEmbeddingSize: size,
    timestampEmbeddingSize: size,
    async scenes(sounds) {
      const parts = sounds.map((samples) => {
        const sound = { samples, sampleRate };
        return long === 'mean' ? frontend.windows(sound).windows : [sound];
      });
      const rows: Float32Array[][] = sounds.map(() => []);
      const clips = parts.flatMap((windows, sound) =>
        windows.map((window) => ({ sound, samples: () => frontend.prepare(window).samples })),
      );
      await encoded(clips, tower, program.run, ({ scene }, { sound }) => rows[sound]!.push(scene));
      return rows.map((each) => pooled(stacked(each, size), 'mean'));
    },
    async timestamps(sounds) {
      const settings = { frontend: frontend.config, audio };
      const grid = momentGrid(settings, frontend.frames, sounds[0]?.length ?? 0, LONGEST_STEP);
      const length = Math.round(frontend.config.durationSeconds * sampleRate);
      const rows = sounds.map(() => new Float32Array(grid.times.length * size));
      const clips = sounds.flatMap((sound, i) =>
        grid.windows.map((window) => ({
          rows: rows[i]!,
          window,
          samples: () => excerpt(sound, window.start, length, frontend.config),
        })),
      );
      await encoded(clips, tower, program.run, ({ moments }, { rows: own, window }) => {
        for (let i = 0; i < grid.count; i++) {
          const j = window.first + i * window.every;
          if (j < grid.times.length) own.set(moments.subarray(i * size, (i + 1) * size), j * size);
        }
      });
      return { rows, times: grid.times.map((seconds) => 1000 * seconds) };
    },
    dispose: () => program.dispose(),
  };
}

/**
 * HEAR's `get_scene_embeddings`: one embedding of each sound.
 * @param audio [n_sounds][n_samples], mono at the model's rate, within -1 … 1
 * @returns [n_sounds, sceneEmbeddingSize]
 * @throws PengiError E_SHAPE for sounds of different lengths, E_AUDIO_EMPTY, E_AUDIO_NONFINITE
 */
export async function getSceneEmbeddings(
  audio: readonly Float32Array[],
  model: HearModel,
): Promise<NdArray<'float32'>> {
  checkBatch(audio);
  return stacked(await model.scenes(audio), model.sceneEmbeddingSize);
}

/**
 * HEAR's `get_timestamp_embeddings`: embeddings at times that are evenly spaced, at most 50 ms apart.
 * @param audio [n_sounds][n_samples], mono at the model's rate, within -1 … 1
 * @returns embeddings [n_sounds, n_timestamps, timestampEmbeddingSize], timestamps [n_sounds, n_timestamps] in ms
 * @throws PengiError E_SHAPE for sounds of different lengths, E_AUDIO_EMPTY, E_AUDIO_NONFINITE
 */
export async function getTimestampEmbeddings(
  audio: readonly Float32Array[],
  model: HearModel,
): Promise<{ embeddings: NdArray<'float32'>; timestamps: NdArray<'float32'> }> {
  checkBatch(audio);
  const size = model.timestampEmbeddingSize;
  if (audio.length === 0) return { embeddings: floats([], [0, 0, size]), timestamps: floats([], [0, 0]) };
  const { rows, times } = await model.timestamps(audio);
  const { data } = stacked(rows, times.length * size);
  return {
    embeddings: floats(data, [audio.length, times.length, size]),
    timestamps: stacked(
      audio.map(() => Float32Array.from(times)),
      times.length,
    ),
  };
}

function checkBatch(audio: readonly Float32Array[]): void {
  const lengths = new Set(audio.map(({ length }) => length));
  if (lengths.size > 1)
    throw new PengiError('E_SHAPE', `sounds of ${[...lengths].join(', ')} samples; a batch has one length`);
  if (lengths.has(0)) throw new PengiError('E_AUDIO_EMPTY', 'sounds without samples');
  const bad = audio.findIndex((sound) => !sound.every(Number.isFinite));
  if (bad >= 0)
    throw new PengiError('E_AUDIO_NONFINITE', `sound ${bad + 1} holds samples that are no numbers`);
}

type Encode = (logMel: NdArray) => Promise<{ scene: NdArray; moments: NdArray }>;

/** Calls `take` with what the encoder makes of each clip, a few at a time, whichever sounds they are of. */
async function encoded<Clip extends { readonly samples: () => Float32Array }>(
  clips: readonly Clip[],
  { frontend }: Pick<AudioTower, 'frontend'>,
  encode: Encode,
  take: (outputs: { scene: Float32Array; moments: Float32Array }, clip: Clip) => void,
): Promise<void> {
  for (let from = 0; from < clips.length; from += BATCH) {
    const batch = clips.slice(from, from + BATCH);
    const samples = batch.map((clip) => clip.samples());
    const { scene, moments } = await encode(frontend.logMelBatch(filledUp(samples)));
    for (const [b, clip] of batch.entries())
      take({ scene: rowOf(scene, b), moments: rowOf(moments, b) }, clip);
  }
}

/** Row b of [B, …], a copy. */
function rowOf({ data, shape }: NdArray, b: number): Float32Array {
  const size = data.length / shape[0]!;
  return (data as Float32Array).slice(b * size, (b + 1) * size);
}
