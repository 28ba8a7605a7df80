import { readFile } from 'node:fs/promises';
import { loadTagger, parseClassNames, type Tagger } from '@pengi/clap';
import { PengiError, printable } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import type { Command } from 'commander';
import { type Context, contextOf, modelFolder } from '../context.js';
import { reportError } from '../report-error.js';
import { spanText } from '../span-text.js';
import type { SetStatus } from '../status.js';

interface EventFlags {
  model?: string;
  threshold: number;
  clip?: boolean;
  top: number;
  labels?: string;
  maxSeconds: number;
}

export function addEvents(program: Command, setStatus: SetStatus): void {
  program
    .command('events')
    .description("say which of HTSAT's classes are heard when (AudioSet's in the released models)")
    .argument('<files...>', 'recordings (wav, flac, mp3, ogg, opus)')
    .option('--model <folder>', 'folder of a Pengi or CLAP model (default: PENGI_MODEL or quickstart/model)')
    .option('--threshold <p>', 'a class is heard from this probability on', Number, 0.5)
    .option('--clip', 'the most probable classes of the whole recording in place of events')
    .option('--top <n>', 'with --clip: how many', Number, 10)
    .option(
      '--labels <file>',
      "names of the classes: AudioSet's class_labels_indices.csv, or a name per line",
    )
    .option('--max-seconds <s>', 'refuse longer recordings', Number, 600)
    .addHelpText(
      'after',
      `
Without --labels classes are numbers. Pengi and CLAP are trained on a part of HTSAT that does not include its classifier: of
weights that kept none from before, all probabilities mean nothing.

Examples:
  pengi events street.wav --labels class_labels_indices.csv --threshold 0.3
  pengi events *.flac --clip --json`,
    )
    .action(async (files: string[], flags: EventFlags, command: Command) => {
      const context = contextOf(command);
      if (!(Number.isInteger(flags.top) && flags.top >= 1))
        throw new PengiError('E_USAGE', '--top takes a whole number from 1 on');
      const tagger = await loadTagger(modelFolder(flags.model), { engine: await context.engine() });
      try {
        const names = flags.labels === undefined ? undefined : await readNames(flags.labels, tagger.classes);
        for (const file of files) {
          try {
            await (flags.clip ? printTags : printEvents)(context, tagger, file, flags, names);
          } catch (error) {
            setStatus(reportError(error, context));
          }
        }
      } finally {
        await tagger.dispose();
      }
    });
}

type Names = readonly string[] | undefined;

async function printEvents(
  context: Context,
  tagger: Tagger,
  file: string,
  { threshold, maxSeconds }: EventFlags,
  names: Names,
): Promise<void> {
  const warn = (warning: string) => context.warn(warning);
  for (const event of await tagger.events(file, { threshold, maxSeconds, warn })) {
    const name = nameOf(event.class, names);
    context.data({ file, ...event, ...(names && { name }) });
    context.say(`${file} ${spanText(event)}: ${printable(name)} ${event.probability.toFixed(3)}`);
  }
}

async function printTags(
  context: Context,
  tagger: Tagger,
  file: string,
  { top, maxSeconds }: EventFlags,
  names: Names,
): Promise<void> {
  const warn = (warning: string) => context.warn(warning);
  const { data } = await tagger.tag([file], { maxSeconds, warn });
  const tags = Array.from(data, (probability, k) => ({ class: k, probability }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, top)
    .map((tag) => ({ ...tag, ...(names && { name: nameOf(tag.class, names) }) }));
  context.data({ file, tags });
  for (const tag of tags)
    context.say(`${file}: ${printable(nameOf(tag.class, names))} ${tag.probability.toFixed(3)}`);
}

const nameOf = (index: number, names: Names) => names?.[index] ?? `class ${index}`;

async function readNames(path: string, classes: number): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw fileError(error, path, 'read');
  });
  return parseClassNames(text, classes, { file: path });
}
