/**
 * HTSAT's own classifier: which sounds are in a recording, and when. AudioSet's 527 classes in the released configuration.
 * Pengi's and CLAP's losses do not reach its weights, so it says something only where the encoder was trained as a
 * classifier before and these weights were kept.
 */
import type { Frontend, ReadAudioOptions } from '@pengi/audio-frontend';
import { openModelFolder } from '@pengi/checkpoint';
import { floats, type NdArray, PengiError, printable, validate } from '@pengi/core';
import {
  createHtsat,
  type EventOptions,
  eventsIn,
  type HtsatConfig,
  type HtsatParams,
  htsatConfigSchema,
  htsatParams,
  htsatSizes,
  momentProbabilities,
  type SoundEvent,
  type Span,
} from '@pengi/htsat';
import { defaultEngine, type Engine } from '@pengi/jit';
import { z } from 'zod';
import { frontendConfigSchema } from './config.js';
import type { AudioInput, EmbedOptions } from './encoders.js';
import { frontendOf, HTSAT_PREFIX } from './load.js';
import { excerpt, momentGrid } from './moment-grid.js';
import { filledUp, pooled, stacked, windowsOf } from './windows.js';

/** How files are read, and who is told of what was read over. */
export type HearingOptions = ReadAudioOptions & Pick<EmbedOptions, 'warn'>;

export interface Framewise {
  /** [T', classes] */
  probabilities: NdArray<'float32'>;
  /** When each row is, s: without holes, from 0 to the end of the recording. */
  times: Span[];
}

export interface Tagger {
  readonly frontend: Frontend;
  /** How many classes there are. */
  readonly classes: number;
  /**
   * Probabilities [N, classes] of whole recordings: of those longer than the front end's duration the mean over windows.
   * @throws PengiError E_NOT_FOUND, E_AUDIO_… with the file's name
   */
  tag(inputs: readonly AudioInput[], options?: HearingOptions): Promise<NdArray<'float32'>>;
  /** Probabilities over time, of a recording of any length: 219 ms each in the released configuration. */
  framewise(input: AudioInput, options?: HearingOptions): Promise<Framewise>;
  /** What is heard when: see `eventsIn` of @pengi/htsat. @throws PengiError E_USAGE for a threshold outside of 0 … 1 */
  events(input: AudioInput, options?: EventOptions & HearingOptions): Promise<SoundEvent[]>;
  dispose(): Promise<void>;
}

/** Windows that are encoded at once. */
const BATCH = 8;

/**
 * A tagger of parameters in memory.
 * @throws PengiError E_CONFIG when the front end's clip has more frames than the image, or other mels
 */
export function createTagger(
  params: HtsatParams<NdArray>,
  config: HtsatConfig,
  { engine, frontend }: { engine: Engine; frontend: Frontend },
): Tagger {
  const { imageFrames } = htsatSizes(config);
  const { classes } = config;
  const { mels, durationSeconds, sampleRate } = frontend.config;
  if (frontend.frames > imageFrames || mels !== config.mels)
    throw new PengiError(
      'E_CONFIG',
      `clips of ${frontend.frames} frames, ${mels} mels; this encoder has room for ${imageFrames}, ${config.mels}`,
    );
  const htsat = createHtsat(params, config, engine);

  async function encoded(
    clips: readonly Float32Array[],
    take: (clip: number, clipwise: Float32Array, moments: Float32Array) => void,
  ): Promise<void> {
    for (let from = 0; from < clips.length; from += BATCH) {
      const batch = clips.slice(from, from + BATCH);
      const { clipwise, framewise } = await htsat.encode(frontend.logMelBatch(filledUp(batch)));
      const moments = momentProbabilities(framewise, config);
      const size = moments.shape[1]! * classes;
      for (const b of batch.keys())
        take(
          from + b,
          (clipwise.data as Float32Array).slice(b * classes, (b + 1) * classes),
          moments.data.subarray(b * size, (b + 1) * size),
        );
    }
  }

  const tagger: Tagger = {
    frontend,
    classes,
    async tag(inputs, options) {
      const rows: Float32Array[] = [];
      for (const input of inputs) {
        const windows = await windowsOf(frontend, input, options);
        const parts: Float32Array[] = [];
        await encoded(
          windows.map((window) => frontend.prepare(window).samples),
          (_, clipwise) => parts.push(clipwise),
        );
        rows.push(pooled(stacked(parts, classes), 'mean'));
      }
      return stacked(rows, classes);
    },
    async framewise(input, { warn, ...options } = {}) {
      const isFile = typeof input === 'string';
      const { samples, warnings } = isFile
        ? await frontend.loadResampled(input, options)
        : frontend.resampled(input);
      for (const warning of warnings) warn?.(isFile ? `${printable(input)}: ${warning}` : warning);
      if (samples.length === 0) throw new PengiError('E_AUDIO_EMPTY', 'no samples to hear');

      const settings = { frontend: frontend.config, audio: config };
      const grid = momentGrid(settings, frontend.frames, samples.length, Number.POSITIVE_INFINITY);
      const length = Math.round(durationSeconds * sampleRate);
      const data = new Float32Array(grid.times.length * classes);
      await encoded(
        grid.windows.map(({ start }) => excerpt(samples, start, length, frontend.config)),
        (w, _, moments) => {
          const { first } = grid.windows[w]!;
          const rest = data.subarray(first * classes);
          rest.set(moments.subarray(0, Math.min(moments.length, rest.length)));
        },
      );
      return {
        probabilities: floats(data, [grid.times.length, classes]),
        times: spansOf(grid, samples.length / sampleRate),
      };
    },
    async events(input, options = {}) {
      const { probabilities, times } = await tagger.framewise(input, options);
      return eventsIn(probabilities, times, options);
    },
    dispose: () => htsat.dispose(),
  };
  return tagger;
}

/** From the middles of moments to spans that meet half-way between them. */
function spansOf({ times, step }: { times: Float64Array; step: number }, duration: number): Span[] {
  const last = times.length - 1;
  return Array.from(times, (time, j) => ({
    start: j === 0 ? 0 : time - step / 2,
    end: j === last ? duration : time + step / 2,
  }));
}

const configSchema = z.looseObject({
  model: z.enum(['clap', 'pengi']),
  frontend: frontendConfigSchema,
  audio: htsatConfigSchema,
});

/**
 * The tagger out of a folder of a Pengi or of a CLAP that has HTSAT's head: the paper's family and msclap's.
 * @throws PengiError E_NOT_FOUND, E_CHECKPOINT, E_CONFIG, E_WEIGHTS (Transformers' CLAPs have no head), E_ENGINE
 */
export async function loadTagger(dir: string, { engine }: { engine?: Engine } = {}): Promise<Tagger> {
  const { config, file } = await openModelFolder(dir);
  if (!file.tensors.has(`${HTSAT_PREFIX}tscam_conv.weight`))
    throw new PengiError('E_WEIGHTS', `these weights have no classifier (${HTSAT_PREFIX}tscam_conv)`, {
      file: dir,
      hint: 'it is part of the folders of a Pengi, and of CLAPs of the families pengi and msclap',
    });
  const { audio, frontend } = validate(configSchema, config, { file: dir });
  return createTagger(htsatParams(file, audio, HTSAT_PREFIX), audio, {
    engine: engine ?? (await defaultEngine()),
    frontend: frontendOf({ frontend }, file),
  });
}

/**
 * The names of classes out of AudioSet's `class_labels_indices.csv` (index,mid,display_name; CC BY 4.0), or out of a file
 * with one name per line.
 * @throws PengiError E_DATA where indices are not 0, 1, 2, … or the number of names is not `classes`
 */
export function parseClassNames(text: string, classes: number, where: { file?: string } = {}): string[] {
  const lines = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '');
  const isTable = /^index,/.test(lines[0] ?? '');
  const names = isTable
    ? lines.slice(1).map((line, i) => nameInRow(line, i, where))
    : lines.map((l) => l.trim());
  if (names.length !== classes)
    throw new PengiError('E_DATA', `${names.length} names of classes; the model has ${classes}`, where);
  return names;
}

/** `12,/m/012,"Child speech, kid speaking"`: quotes are doubled inside of quotes. */
function nameInRow(line: string, i: number, where: { file?: string }): string {
  const found = /^(\d+),[^,]*,(?:"((?:[^"]|"")*)"|([^",]*))$/.exec(line);
  if (!found || Number(found[1]) !== i)
    throw new PengiError(
      'E_DATA',
      `line ${i + 2}: expected ${i},mid,name, found "${printable(line, 60)}"`,
      where,
    );
  return found[2]?.replaceAll('""', '"') ?? found[3]!;
}
