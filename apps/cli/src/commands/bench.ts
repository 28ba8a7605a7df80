import { basename } from 'node:path';
import {
  ablationTable,
  COMPARISON_HEADER,
  compareResults,
  comparisonCells,
  comparisonMarkdown,
  errorTypes,
  type Method,
  PAPER_ABLATIONS,
  type PaperAblation,
  readOntology,
  readResults,
  textTable,
} from '@pengi/bench';
import { PengiError } from '@pengi/core';
import { withInterrupt } from '@pengi/train';
import { type Command, Option } from 'commander';
import { interpret } from '../bench/interpret.js';
import { bench, finish, sayResults } from '../bench/run.js';
import { type Context, contextOf, modelFolder } from '../context.js';
import type { SetStatus } from '../status.js';
import { listTasks } from './bench-list.js';

interface BenchFlags {
  list?: boolean;
  tasks: string;
  model?: string;
  clap?: string;
  data?: string;
  out?: string;
  method?: Method;
  prompt?: string;
  wordings?: string;
  choose?: string[];
  batch: number;
  crop?: 'start' | 'centre' | 'random';
  seed: number;
  limit?: number;
  shard?: string;
  workers?: number;
  beams?: number;
  maxTokens?: number;
  maxFailed: number;
  allPrompts?: boolean;
  grounding?: boolean;
  baselines: boolean;
  java: boolean;
}

export function addBench(program: Command, setStatus: SetStatus): void {
  const command = program
    .command('bench')
    .description("the paper's tasks with any model of this project: results beside the paper's, and a report")
    .option('--list', 'every task: data set, split, metric, prompt, the number of the paper')
    .option('--tasks <a,b>', 'tasks, or "all" that the data are there for', 'all')
    .option('--model <folder>', 'a Pengi or CLAP model (default: PENGI_MODEL or quickstart/model)')
    .option('--data <folder>', 'the folder that the data sets lie in (default: PENGI_DATA)')
    .option('--out <folder>', 'the run: answers, results, report (default: runs/bench)')
    .option('--clap <folder>', 'a CLAP to stand beside the model')
    .addOption(
      new Option(
        '--method <how>',
        'one way of answering closed tasks or retrieval (default: all that the model can do)',
      ).choices(['textMatching', 'logLikelihood', 'zeroShot', 'captions', 'embeddings']),
    )
    .option('--prompt <text>', "in place of the tasks' own")
    .option('--wordings <file>', 'JSON of class -> text, in place of those of the task')
    .option(
      '--choose <task.option=value...>',
      'where the paper is silent or contradicts itself; --list shows what there is to choose',
    )
    .option('--batch <n>', 'recordings that are given to the model at once', Number, 16)
    .addOption(
      new Option('--crop <part>', 'of recordings longer than the model hears (default: its config)').choices([
        'start',
        'centre',
        'random',
      ]),
    )
    .option('--seed <n>', 'of --crop random and --limit', Number, 0)
    .option('--limit <n>', 'at most so many items of each task', Number)
    .option('--shard <i/n>', 'do the i-th of n parts (from 0); parts join when the last is done')
    .option('--workers <n>', 'threads that read recordings (0: none)', Number)
    .option('--beams <n>', 'default 5', Number)
    .option('--max-tokens <n>', 'of an answer', Number)
    .option('--max-failed <n>', 'status 65 when more recordings of a task cannot be used', Number, 10)
    .option('--all-prompts', 'each task with every prompt of the paper (Table 11)')
    .option('--grounding', 'ask about silence, noise and other recordings as well: does the model listen?')
    .option('--no-baselines', 'without majority and nearest centroid')
    .option('--no-java', 'without METEOR, SPICE and SPIDEr')
    .addHelpText(
      'after',
      `
Every answer is kept in the run's folder as soon as it is there: after an end of any kind the same command goes on. Under
mpirun each process does its part.

Examples:
  pengi bench --list
  pengi bench --tasks esc50 --model pengi-base --data ~/data --out runs/esc50
  pengi bench --tasks all --limit 50 --data ~/data
  mpirun -n 4 pengi bench --tasks audioset --data ~/data --out runs/audioset
  pengi bench rescore runs/esc50
  pengi bench compare runs/esc50 runs/other`,
    )
    .action(async (flags: BenchFlags, own: Command) => {
      const context = contextOf(own);
      if (flags.list) return listTasks(context);
      await run(context, setStatus, flags);
    });

  command
    .command('rescore')
    .description('score the answers of a run again, and write its tables and report: no model is needed')
    .argument('<run>', 'folder of a run')
    .option('--no-java', 'without METEOR, SPICE and SPIDEr')
    .action(async (folder: string, _, own: Command) => {
      const context = contextOf(own);
      const { java } = own.optsWithGlobals<{ java: boolean }>(); // bench has it too, and takes it
      await sayResults(context, await finish(context, folder, { java }), folder);
    });
  command
    .command('merge')
    .description('put the parts of a run together (this happens by itself when the last part is done)')
    .argument('<run>', 'folder of a run')
    .action(async (folder: string, _, own: Command) => {
      const context = contextOf(own);
      const scored = await finish(context, folder);
      await sayResults(context, scored, folder);
      if (scored.incomplete.length > 0)
        throw new PengiError('E_DATA', `not all parts are done: ${scored.incomplete.join(', ')}`, {
          file: folder,
        });
    });
  command
    .command('compare')
    .description('two runs, item by item: the difference, its interval and a paired permutation test')
    .argument('<run-a>', 'folder of a run')
    .argument('<run-b>', 'folder of another')
    .option('--markdown', 'as Markdown')
    .action(async (a: string, b: string, flags: { markdown?: boolean }, own: Command) => {
      const context = contextOf(own);
      const comparisons = compareResults(await readResults(a), await readResults(b));
      context.data(comparisons);
      context.say(
        flags.markdown
          ? comparisonMarkdown(comparisons)
          : textTable(COMPARISON_HEADER, comparisons.map(comparisonCells)),
      );
    });
  addAnalyses(command);
}

function addAnalyses(command: Command): void {
  command
    .command('table')
    .description('several runs in one table, beside the paper: ablations (Tables 4, 5, 13)')
    .argument('<runs...>', 'folders of runs; their names are the columns')
    .addOption(
      new Option('--paper <table>', "with the paper's ablations").choices(Object.keys(PAPER_ABLATIONS)),
    )
    .action(async (folders: string[], { paper }: { paper?: PaperAblation }, own: Command) => {
      const context = contextOf(own);
      const runs = await Promise.all(
        folders.map(async (folder) => ({ name: basename(folder), results: await readResults(folder) })),
      );
      context.data(
        runs.map(({ name, results }) => ({ name, tasks: results.map(({ id, value }) => ({ id, value })) })),
      );
      context.say(ablationTable(runs, paper));
    });
  command
    .command('errors')
    .description("kinds of errors of tasks with one label (the paper's appendix F)")
    .argument('<run>', 'folder of a run')
    .option('--ontology <file>', "AudioSet's ontology.json, which tells errors of hierarchy")
    .action(async (folder: string, flags: { ontology?: string }, own: Command) => {
      const context = contextOf(own);
      const ontology = flags.ontology === undefined ? undefined : await readOntology(flags.ontology);
      const rows = (await readResults(folder))
        .filter(({ kind, method }) => kind === 'single-label' && method === 'textMatching')
        .map(({ id, items, labels = [] }) => ({ id, ...errorTypes(items, labels, ontology) }));
      const kinds = ['text matching', 'hierarchy', 'concept', 'no answer'] as const;
      context.data(rows.map(({ kinds: _byItem, ...row }) => row));
      context.say(
        textTable(
          ['task', 'right', ...kinds],
          rows.map(({ id, right, counts }) => [
            id,
            String(right),
            ...kinds.map((kind) => String(counts[kind])),
          ]),
        ),
      );
      if (!ontology) context.warn('without --ontology, errors of hierarchy count as errors of concept');
    });
  command
    .command('interpret')
    .description(
      "the words that are nearest to what the language model is given of a recording (the paper's appendix B)",
    )
    .argument('<files...>', 'recordings')
    .option('--model <folder>', 'a Pengi (default: PENGI_MODEL or quickstart/model)')
    .option('--prompt <text>', 'the prompt', 'generate audio caption')
    .action(async (files: string[], _, own: Command) => {
      const context = contextOf(own);
      const { model, prompt: question } = own.optsWithGlobals<{ model?: string; prompt: string }>(); // bench takes them
      const found = await interpret(context, modelFolder(model), files, question);
      context.data(found);
      for (const { file, answer, audio, prompt } of found)
        context.say(
          `${file}\n  says    ${answer}\n  audio   ${audio.join(' ')}\n  prompt  ${prompt.join(' ')}`,
        );
    });
}

async function run(context: Context, setStatus: SetStatus, flags: BenchFlags): Promise<void> {
  const {
    tasks,
    data = process.env.PENGI_DATA,
    out = 'runs/bench',
    batch,
    shard,
    maxFailed,
    model,
    ...settings
  } = flags;
  if (data === undefined)
    throw new PengiError('E_USAGE', 'no data folder was named', {
      hint: 'give --data FOLDER or set PENGI_DATA; pengi bench --list shows what lies in it',
    });
  const parsed = shard === undefined ? undefined : parseShard(shard);
  for (const [name, value, least] of [
    ['--batch', batch, 1],
    ['--limit', settings.limit, 1],
    ['--workers', settings.workers, 0],
    ['--max-failed', maxFailed, 0],
    ['--seed', settings.seed, 0],
  ] as const)
    if (value !== undefined && !(Number.isInteger(value) && value >= least))
      throw new PengiError('E_USAGE', `${name} takes a whole number from ${least} on`);
  const result = await withInterrupt((signal) =>
    bench(context, {
      ...settings,
      tasks: tasks === 'all' ? 'all' : tasks.split(',').map((id) => id.trim()),
      model: modelFolder(model),
      data,
      out,
      batchSize: batch,
      ...(parsed && { shard: parsed }),
      signal,
    }),
  );
  await sayResults(context, result, out);
  const bad = result.results.find(({ failed }) => failed.length > maxFailed);
  // Of all tasks there are, those that the model lacks words for are like those that the data lack.
  const lost = result.unusable.filter(({ ofModel }) => !(ofModel && tasks === 'all'));
  const isEmpty = result.results.length === 0 && result.incomplete.length === 0;
  if (bad || lost.length > 0 || isEmpty) setStatus(65);
  if (bad)
    context.warn(`${bad.failed.length} recordings of ${bad.id} failed; --max-failed allows ${maxFailed}`);
}

function parseShard(text: string): { index: number; count: number } {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  if (index === undefined || Number(count) < 1 || Number(index) >= Number(count))
    throw new PengiError('E_USAGE', `--shard takes i/n with i from 0 to n - 1, not "${text}"`);
  return { index: Number(index), count: Number(count) };
}
