import { PengiError } from '@pengi/core';
import { PROMPTS, questionPrompt } from '@pengi/datasets';
import { type Command, Option } from 'commander';
import {
  type Answer,
  type CaptionWindowsOptions,
  captionWindows,
  type GenerateOptions,
  loadClapcap,
  loadPengi,
  type WindowAnswer,
} from 'pengi';
import { type Context, contextOf, modelFolder, modelKind } from '../context.js';
import { type QuantizeFlags, quantizeOptions, withQuantize } from '../quantize-flags.js';
import { reportError } from '../report-error.js';
import { type Span, spanText } from '../span-text.js';
import type { SetStatus } from '../status.js';

export function addCaption(program: Command, setStatus: SetStatus): void {
  withGeneration(program.command('caption'))
    .description('say in words what is heard in recordings')
    .argument('<files...>', 'recordings (wav, flac, mp3, ogg, opus)')
    .option('--windows', 'a caption for each part of a recording, with its time')
    .option('--hop <s>', 'with --windows: from one window to the next (default: their length)', Number)
    .option('--prompt <text>', `another prompt than "${PROMPTS.caption}"`)
    .addHelpText(
      'after',
      `
Examples:
  pengi caption dog.wav --model quickstart/model
  pengi caption *.flac --json > captions.jsonl
  pengi caption street.mp3 --continue "in the background"
  pengi caption dog.wav --model clapcap-2023
  pengi caption an-hour.mp3 --windows --max-seconds 3600`,
    )
    .action(async (files: string[], options: GenerationFlags & { prompt?: string }, command: Command) => {
      const { prompt, ...flags } = options;
      await answer(contextOf(command), setStatus, files, prompt, flags);
    });
}

export function addAsk(program: Command, setStatus: SetStatus): void {
  withGeneration(program.command('ask'))
    .description('answer a question about a recording')
    .argument('<file>', 'recording')
    .argument('<question>', 'question in quotes')
    .addHelpText(
      'after',
      `
Examples:
  pengi ask street.wav "what animal is it?"
  pengi ask note.mp3 "which instrument is playing?" --model quickstart/model`,
    )
    .action(async (file: string, question: string, options: GenerationFlags, command: Command) => {
      await answer(contextOf(command), setStatus, [file], questionPrompt(question), options);
    });
}

interface GenerationFlags extends QuantizeFlags {
  model?: string;
  continue?: string;
  strategy?: 'beam' | 'greedy' | 'sample';
  beams?: number;
  maxTokens?: number;
  temperature?: number;
  topK?: number;
  topP?: number;
  seed?: number;
  maxSeconds?: number;
  allowDamaged?: boolean;
  windows?: boolean;
  hop?: number;
}

function withGeneration(command: Command): Command {
  return withQuantize(command)
    .option(
      '--model <folder>',
      'folder of a Pengi or clapcap model (default: PENGI_MODEL or quickstart/model)',
    )
    .option('--continue <text>', 'text that the answer goes on from')
    .addOption(
      new Option('--strategy <name>', 'how to search').choices(['beam', 'greedy', 'sample']).default('beam'),
    )
    .option('--beams <n>', 'beams, or samples to draw', Number, 5)
    .option('--max-tokens <n>', 'longest answer (default: 67, or what the model has room for)', Number)
    .option('--temperature <t>', 'divides the logits', Number, 1)
    .option('--top-k <n>', 'sampling: only the n most likely tokens', Number)
    .option('--top-p <p>', 'sampling: only the most likely tokens that make up p', Number)
    .option('--seed <n>', 'sampling: the same seed gives the same text', Number)
    .option('--max-seconds <s>', 'refuse longer recordings', Number, 600)
    .option('--allow-damaged', 'use what can be read of damaged files');
}

/** One answer per file. A file that cannot be used is reported, and the others go on. */
async function answer(
  context: Context,
  setStatus: SetStatus,
  files: readonly string[],
  prompt: string | undefined,
  flags: GenerationFlags,
): Promise<void> {
  if (flags.hop !== undefined && !flags.windows)
    throw new PengiError('E_USAGE', '--hop is about windows', { hint: 'add --windows' });
  const model = await captioner(context, flags, prompt);
  try {
    const progress = context.progress('captioning');
    for (const [i, file] of files.entries()) {
      try {
        if (flags.windows) {
          for (const { answer, ...span } of await model.answers(file))
            print(context, file, answer, flags.continue, files.length > 1, span);
        } else print(context, file, await model.answer(file), flags.continue, files.length > 1);
      } catch (error) {
        setStatus(reportError(error, context));
      }
      if (files.length > 1) progress.update(i + 1, files.length);
    }
    progress.end();
  } finally {
    await model.dispose();
  }
}

interface Captioner {
  answer(file: string): Promise<Answer>;
  /** One for each window. */
  answers(file: string): Promise<WindowAnswer[]>;
  dispose(): Promise<void>;
}

/** The model of the folder, of either kind. */
async function captioner(
  context: Context,
  flags: GenerationFlags,
  prompt: string | undefined,
): Promise<Captioner> {
  const folder = modelFolder(flags.model);
  if (modelKind(folder) === 'clapcap') {
    if (prompt !== undefined || flags.continue !== undefined)
      throw new PengiError('E_USAGE', 'clapcap takes neither a prompt nor a text to go on from', {
        file: folder,
        hint: 'it only captions: pengi caption FILE --model FOLDER',
      });
    if (flags.quantize)
      throw new PengiError('E_USAGE', '--quantize is for Pengi models only', { file: folder });
    const clapcap = await loadClapcap(folder, { engine: await context.engine() });
    return {
      answer: (file) => clapcap.caption(file, generateOptions(flags)),
      answers: (file) => captionWindows(clapcap, file, windowOptions(context, flags)),
      dispose: () => clapcap.dispose(),
    };
  }
  const pengi = await loadPengi(folder, { engine: await context.engine(), ...quantizeOptions(flags) });
  const options = { ...generateOptions(flags), ...(prompt === undefined ? {} : { prompt }) };
  return {
    answer: async (file) => (await pengi.generate([file], options))[0]!,
    answers: (file) => captionWindows(pengi, file, { ...options, ...windowOptions(context, flags) }),
    dispose: () => pengi.dispose(),
  };
}

function print(
  context: Context,
  file: string,
  { warnings, ...found }: Answer,
  continued: string | undefined,
  many: boolean,
  span?: Span,
): void {
  const text = continued ? `${continued} ${found.text}` : found.text;
  for (const warning of warnings) context.warn(`${file}: ${warning}`);
  const where = [...(many ? [file] : []), ...(span ? [spanText(span)] : [])].join(' ');
  context.say(where === '' ? text : `${where}: ${text}`);
  context.data({ file, ...span, ...found, text, warnings });
}

function generateOptions(flags: GenerationFlags): Omit<GenerateOptions, 'prompt'> {
  const {
    model: _model,
    windows: _windows,
    hop: _hop,
    maxSeconds: _maxSeconds,
    allowDamaged: _damaged,
    quantize: _quantize,
    force: _force,
    ...generation
  } = flags;
  return { ...generation, audio: readingOptions(flags) };
}

function windowOptions(context: Context, flags: GenerationFlags): CaptionWindowsOptions {
  const { audio: _audio, ...generation } = generateOptions(flags);
  const { hop } = flags;
  const windowing = {
    ...readingOptions(flags),
    ...(hop === undefined ? {} : { hopSeconds: hop }),
    warn: (warning: string) => context.warn(warning),
  };
  return { ...generation, windowing };
}

function readingOptions({ maxSeconds, allowDamaged }: GenerationFlags) {
  return {
    ...(maxSeconds === undefined ? {} : { maxSeconds }),
    ...(allowDamaged === undefined ? {} : { allowDamaged }),
  };
}
