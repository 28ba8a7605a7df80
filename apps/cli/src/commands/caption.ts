import { PROMPTS, questionPrompt } from '@pengi/datasets';
import { type Command, Option } from 'commander';
import { type Answer, type GenerateOptions, loadPengi } from 'pengi';
import { type Context, contextOf, modelFolder } from '../context.js';
import { reportError } from '../report-error.js';
import type { SetStatus } from '../status.js';

export function addCaption(program: Command, setStatus: SetStatus): void {
  withGeneration(program.command('caption'))
    .description('say in words what is heard in recordings')
    .argument('<files...>', 'recordings (wav, flac, mp3, ogg, opus)')
    .option('--prompt <text>', 'another prompt', PROMPTS.caption)
    .addHelpText(
      'after',
      `
Examples:
  pengi caption dog.wav --model quickstart/model
  pengi caption *.flac --json > captions.jsonl
  pengi caption street.mp3 --continue "in the background"`,
    )
    .action(async (files: string[], options: GenerationFlags & { prompt: string }, command: Command) => {
      await answer(contextOf(command), setStatus, files, options.prompt, options);
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

interface GenerationFlags {
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
}

function withGeneration(command: Command): Command {
  return command
    .option('--model <folder>', 'model folder (default: PENGI_MODEL or quickstart/model)')
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
  prompt: string,
  flags: GenerationFlags,
): Promise<void> {
  const pengi = await loadPengi(modelFolder(flags.model), { engine: await context.engine() });
  try {
    const progress = context.progress('captioning');
    for (const [i, file] of files.entries()) {
      try {
        const [found] = await pengi.generate([file], generateOptions(flags, prompt));
        print(context, file, found!, flags.continue, files.length > 1);
      } catch (error) {
        setStatus(reportError(error, context));
      }
      if (files.length > 1) progress.update(i + 1, files.length);
    }
    progress.end();
  } finally {
    await pengi.dispose();
  }
}

function print(
  context: Context,
  file: string,
  { warnings, ...found }: Answer,
  continued: string | undefined,
  many: boolean,
): void {
  const text = continued ? `${continued} ${found.text}` : found.text;
  for (const warning of warnings) context.warn(`${file}: ${warning}`);
  context.say(many ? `${file}: ${text}` : text);
  context.data({ file, ...found, text, warnings });
}

function generateOptions(flags: GenerationFlags, prompt: string): GenerateOptions {
  const { model: _model, maxSeconds, allowDamaged, ...generation } = flags;
  const audio = {
    ...(maxSeconds === undefined ? {} : { maxSeconds }),
    ...(allowDamaged === undefined ? {} : { allowDamaged }),
  };
  return { ...generation, prompt, audio };
}
