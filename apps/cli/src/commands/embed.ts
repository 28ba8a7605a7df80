import { writeSafetensors } from '@pengi/checkpoint';
import {
  loadClap,
  loadClipText,
  normalized,
  type PoolOptions,
  type WindowEmbeddings,
  type WindowedOptions,
} from '@pengi/clap';
import { type HearOptions, loadModel } from '@pengi/clap/hear';
import { floats, type NdArray, PengiError } from '@pengi/core';
import type { Span } from '@pengi/htsat';
import type { Engine } from '@pengi/jit';
import { type Command, Option } from 'commander';
import { loadClapcap, loadPengi } from 'pengi';
import { type Context, contextOf, modelFolder, modelKind } from '../context.js';
import { spanText } from '../span-text.js';
import { serveEmbeddings } from './embed-serve.js';

interface EmbedFlags {
  model?: string;
  text?: string[];
  out?: string;
  windows?: boolean;
  hop?: number;
  pool?: 'mean' | 'max' | 'none';
  maxSeconds: number;
  serve?: boolean;
  embedding?: NonNullable<HearOptions['embedding']>;
  long?: NonNullable<HearOptions['long']>;
}

export function addEmbed(program: Command): void {
  program
    .command('embed')
    .description('embed recordings and texts into the joint space (unit length)')
    .argument('[files...]', 'recordings')
    .option('--text <texts...>', 'texts')
    .option(
      '--model <folder>',
      'folder of a CLAP, Pengi, clapcap or CLIP model (default: PENGI_MODEL or quickstart/model)',
    )
    .option('--out <file>', 'write embeddings.safetensors: audio [n, d], text [m, d], windows [n, 2] in s')
    .option('--windows', 'hear whole recordings, window after window, not their beginning alone')
    .option('--hop <s>', 'from one window to the next (default: their length)', Number)
    .addOption(
      new Option('--pool <how>', 'one embedding per recording of those of its windows, or all').choices([
        'mean',
        'max',
        'none',
      ]),
    )
    .option('--max-seconds <s>', 'refuse longer recordings', Number, 600)
    .option('--serve', "HEAR's embedding API over lines of JSON on stdin and stdout, for other programs")
    .addOption(
      new Option(
        '--embedding <which>',
        'with --serve: the encoder (default), or its projection into the joint space',
      ).choices(['latent', 'projected']),
    )
    .addOption(
      new Option(
        '--long <how>',
        'with --serve, of recordings longer than the model hears: the mean of windows (default), or a crop',
      ).choices(['mean', 'crop']),
    )
    .addHelpText(
      'after',
      `
Examples:
  pengi embed a.wav b.wav --json
  pengi embed concert.flac --windows --hop 1 --out concert.safetensors
  pengi embed *.mp3 --windows --pool mean --json
  pengi embed *.flac --text "a dog barks" --out embeddings.safetensors`,
    )
    .action(async (files: string[], flags: EmbedFlags, command: Command) => {
      const context = contextOf(command);
      const texts = flags.text ?? [];
      if (flags.serve) return serve(context, flags, files.length + texts.length);
      if (flags.embedding !== undefined || flags.long !== undefined)
        throw new PengiError('E_USAGE', '--embedding and --long are about --serve', { hint: 'add --serve' });
      if (files.length === 0 && texts.length === 0)
        throw new PengiError('E_USAGE', 'nothing to embed', {
          hint: 'name recordings, or texts with --text',
        });
      const folder = modelFolder(flags.model);
      const kind = modelKind(folder);
      if (kind === 'clapcap' && texts.length > 0)
        throw new PengiError('E_USAGE', 'clapcap embeds recordings only', { file: folder });
      const engine = await context.engine();
      const warn = (warning: string) => context.warn(warning);
      if (kind === 'clip-text' && files.length > 0)
        throw new PengiError('E_USAGE', 'CLIP embeds texts only', { file: folder });
      const load = LOADERS[kind as keyof typeof LOADERS] ?? loadPengi;
      const model = await load(folder, { engine });
      try {
        const heard =
          files.length > 0 && 'embedAudio' in model
            ? await embedFiles(model, files, flags, { maxSeconds: flags.maxSeconds, warn })
            : undefined;
        const audio = heard?.audio;
        const text =
          texts.length > 0 && 'embedText' in model ? await model.embedText(texts, { warn }) : undefined;
        if (flags.out !== undefined) {
          const spans = heard?.spans?.flatMap(({ start, end }) => [start, end]);
          const tensors = {
            ...(audio ? { audio } : {}),
            ...(spans ? { windows: floats(spans, [spans.length / 2, 2]) } : {}),
            ...(text ? { text } : {}),
          };
          await writeSafetensors(flags.out, tensors, {
            files: JSON.stringify(heard?.names ?? []),
            texts: JSON.stringify(texts),
          });
          context.say(`wrote ${flags.out}`);
        }
        for (const [names, embeddings, spans] of [
          [heard?.names ?? [], audio, heard?.spans],
          [texts, text, undefined],
        ] as const)
          for (const [i, name] of names.entries()) {
            const row = rowOf(embeddings!, i);
            const span = spans?.[i];
            context.data({ name, ...span, embedding: row });
            if (flags.out === undefined)
              context.say(
                `${name}${span ? ` ${spanText(span)}` : ''}: [${row
                  .slice(0, 6)
                  .map((x) => x.toFixed(4))
                  .join(', ')}, …] (${row.length})`,
              );
          }
      } finally {
        await model.dispose();
      }
    });
}

async function serve(
  context: Context,
  { model, embedding, long, maxSeconds }: EmbedFlags,
  named: number,
): Promise<void> {
  if (named > 0) throw new PengiError('E_USAGE', '--serve takes recordings on stdin, not as arguments');
  const hear = await loadModel(modelFolder(model), {
    engine: await context.engine(),
    ...(embedding && { embedding }),
    ...(long && { long }),
  });
  try {
    await serveEmbeddings(hear, process.stdin, process.stdout, { maxSeconds });
  } finally {
    await hear.dispose();
  }
}

interface Hearing {
  embedAudio(
    files: readonly string[],
    options: PoolOptions & { maxSeconds: number; warn: (warning: string) => void },
  ): Promise<NdArray<'float32'>>;
  embedWindows(file: string, options: WindowedOptions): Promise<WindowEmbeddings>;
}

/** A row per recording, or per window with its time. */
async function embedFiles(
  model: Hearing,
  files: readonly string[],
  { windows = false, hop, pool }: Pick<EmbedFlags, 'windows' | 'hop' | 'pool'>,
  reading: { maxSeconds: number; warn: (warning: string) => void },
): Promise<{ names: readonly string[]; audio: NdArray<'float32'>; spans?: Span[] }> {
  if (!windows && (hop !== undefined || pool !== undefined))
    throw new PengiError('E_USAGE', '--hop and --pool are about windows', { hint: 'add --windows' });
  const options = { ...reading, ...(hop === undefined ? {} : { hopSeconds: hop }) };
  if (!windows) return { names: files, audio: await model.embedAudio(files, reading) };
  if (pool !== undefined && pool !== 'none')
    return { names: files, audio: await model.embedAudio(files, { ...options, pool }) };
  const names: string[] = [];
  const spans: Span[] = [];
  const parts: NdArray<'float32'>[] = [];
  for (const file of files) {
    const { embeddings, times } = await model.embedWindows(file, options);
    parts.push(embeddings);
    spans.push(...times);
    names.push(...times.map(() => file));
  }
  const width = parts[0]!.shape[1]!;
  const audio = new Float32Array(names.length * width);
  let at = 0;
  for (const { data } of parts) {
    audio.set(data, at);
    at += data.length;
  }
  return { names, audio: floats(audio, [names.length, width]), spans };
}

/** By the config's `model`; Pengi is the rest. */
const LOADERS = { clap: loadClap, clapcap: loadClapcap, 'clip-text': loadClip };

async function loadClip(folder: string, { engine }: { engine: Engine }) {
  const clip = await loadClipText(folder, { engine });
  return {
    embedText: async (texts: readonly string[], options: { warn: (warning: string) => void }) =>
      normalized(await clip.embed(texts, options)),
    dispose: () => clip.dispose(),
  };
}

function rowOf({ data, shape }: NdArray, i: number): number[] {
  const width = shape[1]!;
  return Array.from((data as Float32Array).subarray(i * width, (i + 1) * width));
}
