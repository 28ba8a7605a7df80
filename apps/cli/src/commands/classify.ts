import { loadClap } from '@pengi/clap';
import { PengiError } from '@pengi/core';
import type { Command } from 'commander';
import { loadPengi, type Pengi } from 'pengi';
import { type Context, contextOf, modelFolder, modelKind } from '../context.js';
import { type QuantizeFlags, quantizeOptions, withQuantize } from '../quantize-flags.js';
import { reportError } from '../report-error.js';
import type { SetStatus } from '../status.js';

interface ClassifyFlags extends QuantizeFlags {
  model?: string;
  labels: string;
  prompt?: string;
  template?: string;
  maxSeconds?: number;
}

export function addClassify(program: Command, setStatus: SetStatus): void {
  withQuantize(program.command('classify'))
    .description(
      'choose among labels: by text matching and by log-likelihood (Pengi), or by zero-shot similarity (CLAP)',
    )
    .argument('<files...>', 'recordings')
    .requiredOption('--labels <a,b,c>', 'labels, separated by commas')
    .option('--model <folder>', 'folder of a Pengi or CLAP model (default: PENGI_MODEL or quickstart/model)')
    .option('--prompt <text>', 'what Pengi is asked (default "generate metadata")')
    .option('--template <text>', 'text of a label, {} standing for it')
    .option('--max-seconds <s>', 'refuse longer recordings', Number, 600)
    .addHelpText(
      'after',
      `
Examples:
  pengi classify note.mp3 --labels violin,flute,trumpet --prompt "question: which instrument is playing?"
  pengi classify dog.wav --model quickstart/clap --labels dog,cat --template "this is a sound of {}"`,
    )
    .action(async (files: string[], flags: ClassifyFlags, command: Command) => {
      const labels = flags.labels.split(',').map((label) => label.trim());
      if (labels.some((label) => label === ''))
        throw new PengiError('E_USAGE', '--labels holds an empty label', {
          hint: 'write --labels dog,cat,rain',
        });
      const context = contextOf(command);
      const folder = modelFolder(flags.model);
      const classify =
        modelKind(folder) === 'clap'
          ? await byClap(context, folder, labels, flags)
          : await byPengi(context, folder, labels, flags);
      try {
        for (const file of files) {
          try {
            const result = await classify.run(file);
            context.data({ file, ...result });
            for (const line of describe(file, result)) context.say(line);
          } catch (error) {
            setStatus(reportError(error, context));
          }
        }
      } finally {
        await classify.close();
      }
    });
}

interface Classifier {
  run(file: string): Promise<Result>;
  close(): Promise<void>;
}

/** For each method, the labels with their scores, the best first. */
interface Result {
  methods: Record<string, { label: string; score: number }[]>;
  answer?: string;
}

async function byClap(
  context: Context,
  folder: string,
  labels: readonly string[],
  flags: ClassifyFlags,
): Promise<Classifier> {
  if (flags.quantize)
    throw new PengiError('E_USAGE', '--quantize is for Pengi models only', { file: folder });
  const clap = await loadClap(folder, { engine: await context.engine() });
  return {
    async run(file) {
      const [scores] = await clap.zeroShot([file], labels, {
        ...(flags.template === undefined ? {} : { template: flags.template }),
        ...(flags.maxSeconds === undefined ? {} : { maxSeconds: flags.maxSeconds }),
        warn: (warning) => context.warn(warning),
      });
      return {
        methods: { 'zero-shot': scores!.map(({ label, probability }) => ({ label, score: probability })) },
      };
    },
    close: () => clap.dispose(),
  };
}

async function byPengi(
  context: Context,
  folder: string,
  labels: readonly string[],
  flags: ClassifyFlags,
): Promise<Classifier> {
  const pengi: Pengi = await loadPengi(folder, { engine: await context.engine(), ...quantizeOptions(flags) });
  const options = {
    ...(flags.prompt === undefined ? {} : { prompt: flags.prompt }),
    ...(flags.template === undefined ? {} : { template: flags.template }),
    audio: flags.maxSeconds === undefined ? {} : { maxSeconds: flags.maxSeconds },
  };
  return {
    async run(file) {
      const [likely] = await pengi.classify([file], labels, { ...options, method: 'logLikelihood' });
      const [matched] = pengi.textEncoder
        ? await pengi.classify([file], labels, { ...options, method: 'textMatching' })
        : [undefined];
      for (const warning of likely!.warnings) context.warn(`${file}: ${warning}`);
      return {
        methods: {
          ...(matched ? { 'text matching': matched.labels } : {}),
          'log-likelihood': likely!.labels,
        },
        ...(matched?.answer === undefined ? {} : { answer: matched.answer }),
      };
    },
    close: () => pengi.dispose(),
  };
}

function describe(file: string, { methods, answer }: Result): string[] {
  const width = Math.max(...Object.values(methods).flatMap((list) => list.map(({ label }) => label.length)));
  return [
    answer === undefined ? `${file}:` : `${file}: the model says "${answer}"`,
    ...Object.entries(methods).flatMap(([method, list]) => [
      `  by ${method}:`,
      ...list.slice(0, 5).map(({ label, score }) => `    ${label.padEnd(width)}  ${score.toFixed(3)}`),
    ]),
  ];
}
