/** Towers that run: recordings or texts in, embeddings out. */
import type { Frontend, PrepareOptions, ReadAudioOptions } from '@pengi/audio-frontend';
import { floats, ints, type NdArray, printable } from '@pengi/core';
import type { Engine } from '@pengi/jit';
import type { Tensor } from '@tensorflow/tfjs-core';
import { type ClipTokenizer, createClipTokenizer, createSubsetClipTokenizer } from './clip-tokenizer.js';
import type { ClapConfig, ClipTextConfig } from './config.js';
import { encodeAudio, encodeText } from './model.js';
import type { AudioEncoderParams, TextEncoderParams } from './params.js';
import {
  filledUp,
  type Pooling,
  pooled,
  spanOf,
  stacked,
  type WindowEmbeddings,
  type WindowedOptions,
  windowsOf,
} from './windows.js';

/** A recording: a file, or samples with their rate in Hz (mono, ±1). */
export type AudioInput = string | { readonly samples: Float32Array; readonly sampleRate: number };

/** Is told what the caller should know of an input that is used all the same: damage, a text that was cut. */
type Warn = (message: string) => void;

export interface EmbedOptions {
  /** Divide each embedding by its length; default true. msclap's own calls do not. */
  normalize?: boolean;
  /** Default: nobody is told. */
  warn?: Warn;
}

export interface PoolOptions extends Pick<WindowedOptions, 'seconds' | 'hopSeconds' | 'tail'> {
  /**
   * Hear whole recordings, window by window, and join the embeddings before they are normalised. Default: hear the part
   * that `crop` says of those that are longer than the config's duration.
   */
  pool?: Pooling;
}

export type EmbedAudioOptions = EmbedOptions & PrepareOptions & ReadAudioOptions & PoolOptions;

export type EmbedWindowsOptions = EmbedOptions & WindowedOptions;

/** An audio tower that runs: recordings in, embeddings [N, E] out, not normalised. */
export interface AudioEncoder {
  embed(inputs: readonly AudioInput[], options?: EmbedAudioOptions): Promise<NdArray<'float32'>>;
  /** Windows of one recording, which is not cropped. */
  embedWindows(input: AudioInput, options?: EmbedWindowsOptions): Promise<WindowEmbeddings>;
  /** From log-mels [N, frames, mels] in dB. @throws PengiError E_SHAPE */
  embedLogMel(logMel: NdArray<'float32'>): Promise<NdArray<'float32'>>;
  dispose(): Promise<void>;
}

export function createAudioEncoder(
  params: AudioEncoderParams<NdArray>,
  config: Pick<ClapConfig, 'audio'>,
  engine: Engine,
  frontend: Frontend,
): AudioEncoder {
  const encode = (p: AudioEncoderParams, logMel: Tensor) => encodeAudio(p, logMel, config.audio);
  return audioEncoderOf(engine.compile(encode, params, { name: 'clap.audio' }), widthOf(params), frontend);
}

/** A compiled model of tensors. */
interface Program {
  run(...inputs: NdArray[]): Promise<NdArray>;
  dispose(): Promise<void>;
}

/** The audio tower of a program from log-mels to embeddings of `width` channels. */
export function audioEncoderOf(program: Program, width: number, frontend: Frontend): AudioEncoder {
  const embedLogMel: AudioEncoder['embedLogMel'] = async (logMel) =>
    (await program.run(logMel)) as NdArray<'float32'>;

  const prepared = async (input: AudioInput, options: EmbedAudioOptions) => {
    const isFile = typeof input === 'string';
    const { samples, warnings } = isFile
      ? await frontend.load(input, options)
      : frontend.prepare(input, options);
    for (const warning of warnings) options.warn?.(isFile ? `${printable(input)}: ${warning}` : warning);
    return samples;
  };
  const embedWindows: AudioEncoder['embedWindows'] = async (input, options = {}) => {
    const windows = await windowsOf(frontend, input, options);
    const embeddings = await inBatches(windows, width, async (batch) => {
      const clips = batch.map((window) => frontend.prepare(window).samples);
      const { data } = await embedLogMel(frontend.logMelBatch(filledUp(clips)));
      return floats(data.subarray(0, batch.length * width), [batch.length, width]);
    });
    return { embeddings, times: windows.map(spanOf) };
  };
  return {
    async embed(inputs, { pool, ...options } = {}) {
      if (pool !== undefined) {
        const rows: Float32Array[] = [];
        for (const input of inputs) rows.push(pooled((await embedWindows(input, options)).embeddings, pool));
        return stacked(rows, width);
      }
      return inBatches(inputs, width, async (batch) => {
        const clips: Float32Array[] = [];
        for (const input of batch) clips.push(await prepared(input, options));
        return embedLogMel(frontend.logMelBatch(clips));
      });
    },
    embedWindows,
    embedLogMel,
    dispose: () => program.dispose(),
  };
}

/** What a text tower needs of a tokenizer. */
export interface TextTokenizer {
  /**
   * `text` as exactly `length` ids, cut or padded as the tower wants it.
   * @throws PengiError E_TEXT for what is no string, for more than 32 KiB, for words that a small vocabulary lacks
   */
  encodePrompt(text: string, length: number): { readonly ids: Int32Array; readonly truncated: boolean };
}

/**
 * A text tower that runs: texts in, embeddings [N, E] out, not normalised. An empty text is start and end alone. What was embedded
 * lately is remembered by its tokens.
 */
export interface TextEncoder<Tokenizer extends TextTokenizer = ClipTokenizer> {
  readonly tokenizer: Tokenizer;
  embed(texts: readonly string[], options?: Pick<EmbedOptions, 'warn'>): Promise<NdArray<'float32'>>;
  dispose(): Promise<void>;
}

/** @throws PengiError E_CONFIG for `keptIds` that are no part of CLIP's vocabulary */
export function createTextEncoder(
  params: TextEncoderParams<NdArray>,
  config: ClipTextConfig,
  engine: Engine,
): TextEncoder {
  const encode = (p: TextEncoderParams, ids: Tensor) => encodeText(p, ids, config);
  const program = engine.compile(encode, params, { name: 'clap.text' });
  return textEncoderOf(program, widthOf(params), clipTokenizerOf(config), config);
}

/** The text tower of a program from ids [B, promptLength] to embeddings of `width` channels. */
export function textEncoderOf<Tokenizer extends TextTokenizer>(
  program: Program,
  width: number,
  tokenizer: Tokenizer,
  config: { readonly promptLength: number },
): TextEncoder<Tokenizer> {
  const { promptLength } = config;
  const remembered = new Map<string, Float32Array>();
  return {
    tokenizer,
    async embed(texts, { warn } = {}) {
      const ids = promptIds(tokenizer, texts, config, warn).data;
      const rows = new Map<string, Float32Array | undefined>();
      const missing = new Map<string, Int32Array>();
      const keys = texts.map((_, i) => {
        const own = ids.subarray(i * promptLength, (i + 1) * promptLength);
        const key = own.join();
        rows.set(key, remembered.get(key));
        if (!rows.get(key)) missing.set(key, own);
        return key;
      });
      const computed = await inBatches([...missing.values()], width, async (batch) => {
        const together = ints(
          batch.flatMap((own) => [...own]),
          [batch.length, promptLength],
        );
        return (await program.run(together)) as NdArray<'float32'>;
      });
      for (const [i, key] of [...missing.keys()].entries())
        rows.set(key, computed.data.slice(i * width, (i + 1) * width));
      for (const [key, row] of rows) {
        // Set anew, it is the last in the map's order, and the first is the one that was not asked for longest.
        remembered.delete(key);
        remembered.set(key, row!);
        if (remembered.size > REMEMBERED) remembered.delete(remembered.keys().next().value!);
      }
      return stacked(
        keys.map((key) => rows.get(key)!),
        width,
      );
    },
    dispose() {
      remembered.clear();
      return program.dispose();
    },
  };
}

/** How many texts' embeddings are remembered: labels are asked for again and again. One takes 4 KiB in the released models. */
const REMEMBERED = 4096;

/**
 * Ids [N, promptLength] int32 of texts, cut or padded.
 * @throws PengiError E_TEXT
 */
export function promptIds(
  tokenizer: TextTokenizer,
  texts: readonly string[],
  { promptLength }: { readonly promptLength: number },
  warn?: Warn,
): NdArray<'int32'> {
  const ids = texts.flatMap((text) => {
    const prompt = tokenizer.encodePrompt(text, promptLength);
    if (prompt.truncated) warn?.(`"${printable(text, 40)}" is cut to ${promptLength} tokens`);
    return [...prompt.ids];
  });
  return ints(ids, [texts.length, promptLength]);
}

/** The tokenizer of a config: CLIP's, or the part of it that a small model knows. */
export function clipTokenizerOf({ keptIds }: Pick<ClipTextConfig, 'keptIds'>): ClipTokenizer {
  const full = createClipTokenizer();
  return keptIds === null ? full : createSubsetClipTokenizer(full, keptIds);
}

/** How many clips or texts go through an encoder at once: few sizes, as each is compiled. */
const BATCH = 8;

/** [items, width], from embeddings of a few items at a time. */
async function inBatches<Item>(
  items: readonly Item[],
  width: number,
  embed: (batch: readonly Item[]) => Promise<NdArray<'float32'>>,
): Promise<NdArray<'float32'>> {
  const rows = new Float32Array(items.length * width);
  for (let from = 0; from < items.length; from += BATCH)
    rows.set((await embed(items.slice(from, from + BATCH))).data, from * width);
  return floats(rows, [items.length, width]);
}

/** E of an encoder. */
function widthOf({ projection }: Pick<AudioEncoderParams<NdArray>, 'projection'>): number {
  return projection.layer_norm.weight.shape[0]!;
}
