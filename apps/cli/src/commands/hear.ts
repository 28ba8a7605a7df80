import { createHash } from 'node:crypto';
import { basename, join, resolve } from 'node:path';
import {
  findHearTasks,
  GRIDS,
  type GridName,
  type HearEncoder,
  PROBES,
  type ProbeName,
  probeRows,
  probeTable,
  probeTask,
  type TaskProbes,
  textTable,
} from '@pengi/bench';
import { openModelFolder } from '@pengi/checkpoint';
import { getSceneEmbeddings, getTimestampEmbeddings, type HearOptions, loadModel } from '@pengi/clap/hear';
import { PengiError } from '@pengi/core';
import { type Command, Option } from 'commander';
import { contextOf, modelFolder } from '../context.js';
import { reportError } from '../report-error.js';
import type { SetStatus } from '../status.js';

interface HearFlags {
  tasks: string;
  only?: string;
  model?: string;
  out: string;
  grid: GridName;
  gridPoints: number;
  probes: string;
  seed: number;
  embedding: NonNullable<HearOptions['embedding']>;
  long: NonNullable<HearOptions['long']>;
}

export function addHear(program: Command, setStatus: SetStatus): void {
  program
    .command('hear')
    .description("HEAR's tasks: embeds their recordings, trains shallow probes on them, scores those")
    .requiredOption('--tasks <folder>', "folder of HEAR's tasks, or one of them")
    .option('--only <names>', 'of these tasks alone, by their folders: a,b')
    .option('--model <folder>', 'folder of a Pengi or CLAP model (default: PENGI_MODEL or quickstart/model)')
    .option('--out <folder>', 'embeddings and results: <out>/<model>/<task>/', 'runs/hear')
    .addOption(
      new Option('--grid <name>', "HEAR's grid of hyperparameters, or its fast one")
        .choices(Object.keys(GRIDS))
        .default('full'),
    )
    .option('--grid-points <n>', 'how many of them are drawn', Number, 8)
    .option(
      '--probes <names>',
      'L1, L2, L3: one to three layers; hear: the best of those drawn',
      PROBES.join(','),
    )
    .option('--seed <n>', 'of initial weights and dropout', Number, 42)
    .addOption(
      new Option('--embedding <which>', 'the encoder, or its projection into the joint space')
        .choices(['latent', 'projected'])
        .default('latent'),
    )
    .addOption(
      new Option('--long <how>', 'recordings longer than the model hears: mean of their windows, or a crop')
        .choices(['mean', 'crop'])
        .default('mean'),
    )
    .addHelpText(
      'after',
      `
Tasks are in the layout of hear-preprocess: task_metadata.json, labelvocabulary.csv, <split>.json, <rate>/<split>/*.wav. What is
there already, of the same weights and settings, is not made again.

Examples:
  pengi hear --tasks hear/tasks --model pengi-base --out runs/hear
  pengi hear --tasks hear/tasks/esc50-v2.0.0-full --grid fast --probes L1 --json`,
    )
    .action(async (flags: HearFlags, command: Command) => {
      const context = contextOf(command);
      const probes = probeNames(flags.probes);
      const folders = chosen(await findHearTasks(flags.tasks), flags.only);
      const folder = modelFolder(flags.model);
      const engine = await context.engine();
      const { embedding, long, grid, gridPoints: points, seed } = flags;
      const model = await loadModel(folder, { engine, embedding, long });
      const encoder: HearEncoder = {
        name: `${basename(resolve(folder))}-${embedding}${long === 'crop' ? '-crop' : ''}`,
        key: await encoderKey(folder, embedding, long),
        sampleRate: model.sampleRate,
        sceneEmbeddings: (sounds) => getSceneEmbeddings(sounds, model),
        timestampEmbeddings: (sounds) => getTimestampEmbeddings(sounds, model),
      };
      const done: TaskProbes[] = [];
      try {
        for (const task of folders) {
          const bar = context.progress(`probes of ${basename(task)}`);
          let lines = 0;
          try {
            const found = await probeTask(task, {
              engine,
              encoder,
              out: flags.out,
              probes,
              grid,
              points,
              seed,
              embedding: { progress: context.progress },
              progress: (line) => bar.update(++lines, undefined, line),
            });
            done.push(found);
            for (const row of probeRows([found])) context.data(row);
          } catch (error) {
            // One broken task does not cost the others.
            setStatus(reportError(error, context));
          } finally {
            bar.end();
          }
        }
      } finally {
        await model.dispose();
      }
      if (done.length === 0) return;
      const { header, cells } = probeTable(probeRows(done));
      for (const line of textTable(header, cells).split('\n')) context.say(line);
      for (const note of new Set(done.flatMap(({ notes }) => notes))) context.say(`note: ${note}`);
      context.say(`wrote ${join(flags.out, encoder.name)}`);
    });
}

function probeNames(text: string): ProbeName[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !PROBES.includes(name as ProbeName));
  if (unknown !== undefined)
    throw new PengiError('E_USAGE', `no probe "${unknown}"; there are ${PROBES.join(', ')}`);
  return PROBES.filter((probe) => names.includes(probe));
}

function chosen(folders: readonly string[], only: string | undefined): readonly string[] {
  if (only === undefined) return folders;
  const names = only.split(',').map((name) => name.trim());
  const missing = names.find((name) => !folders.some((folder) => basename(folder) === name));
  if (missing !== undefined)
    throw new PengiError(
      'E_USAGE',
      `no task "${missing}"; there are ${folders.map((f) => basename(f)).join(', ')}`,
    );
  return folders.filter((folder) => names.includes(basename(folder)));
}

/** Other weights, config or settings: other embeddings. */
async function encoderKey(folder: string, embedding: string, long: string): Promise<string> {
  const opened = await openModelFolder(folder);
  const parts = [embedding, long, JSON.stringify(opened.config), await opened.sha256()];
  return createHash('sha256').update(parts.join('\n')).digest('hex');
}
