import { join, resolve } from 'node:path';
import { isPengiError, PengiError } from '@pengi/core';
import { withInterrupt } from '@pengi/train';
import { Argument, type Command } from 'commander';
import { contextOf } from '../context.js';
import { findRecipe } from '../recipes/index.js';
import type { SetStatus } from '../status.js';
import type { RunConfig, TrainConfigInput } from '../train/config.js';
import { fineTuning, type TrainFlags, withFlags } from '../train/fine-tune.js';
import { joinJob } from '../train/job.js';
import { completeConfig, readConfig } from '../train/load-config.js';
import { runTraining, type TaskName } from '../train/run.js';

export function addTrain(program: Command, setStatus: SetStatus): void {
  program
    .command('train')
    .description(
      'train contrastive CLAP, the language model alone, or Pengi on top of them: from a config, a recipe, or on recordings of your own',
    )
    .addArgument(new Argument('[what]', 'what to train').choices(['clap', 'lm', 'pengi']))
    .option('--config <file>', 'JSON, or a TypeScript module with a default export')
    .option('--recipe <name>', 'a config that comes with the program: see "pengi recipes"')
    .option('--data <file>', 'CSV or JSONL with audio, prompt and target')
    .option('--root <folder>', 'where its audio paths count from (default: its own folder)')
    .option('--from <folder>', 'a model to go on with')
    .option('--sets <folder>', 'the folder that data sets lie in (default: PENGI_DATA)')
    .option('--lora <rank>', 'learn adapters of this rank in place of weights', number)
    .option('--mapper-only', 'pengi: learn the mappers, and nothing else')
    .option('--patience <n>', 'end after so many evaluations that are no better than the best', number)
    .option('--steps <n>', 'how long', number)
    .option('--epochs <n>', 'how often all examples are seen, in place of steps', number)
    .option('--batch <n>', 'examples of a step', number)
    .option('--learning-rate <x>', 'at its peak', number)
    .option('--seed <n>', 'of everything that is drawn by chance', number)
    .option('--out <folder>', 'run folder; the model is in "model" below it (default: runs/<what or recipe>)')
    .option('--resume', 'go on from the newest checkpoint of the run folder')
    .addHelpText(
      'after',
      `
Flags say instead what a config or recipe says. A manifest is a CSV or JSONL file with the columns audio, prompt and target.
The smallest config:
  { "data": { "manifest": "train.csv" }, "steps": 1000 }

Examples:
  pengi train pengi --data my.csv --from quickstart/model           # recordings of your own: ends when it gets no better
  pengi train pengi --data my.csv --from quickstart/model --lora 8
  pengi train clap  --config clap.json
  pengi train pengi --config pengi.ts      # there: from: { clap: 'runs/clap/model', language: 'runs/lm/model' }
  pengi train pengi --config pengi.ts --resume
  pengi train --recipe mini-clap --sets data
  mpirun -n 4 pengi train pengi --config pengi.ts   # four processes, each with a quarter of every batch`,
    )
    .action(async (what: TaskName | undefined, flags: TrainFlags, command: Command) => {
      const { context, communicator, end, fail } = await joinJob(contextOf(command));
      try {
        const { task, config, name } = await chosen(what, flags);
        const { out = join('runs', name), resume = false } = flags;
        const { result, stopped } = await withInterrupt(
          async (signal) => {
            const more = communicator && { communicator };
            const run = { task, config, out, resume, signal, ...more };
            return { result: await runTraining(context, run), stopped: signal.reason as unknown };
          },
          { warn: context.warn },
        );
        await end(); // what follows is said of the whole job
        context.data(result);
        if (result.model === undefined) {
          context.warn(`stopped at step ${result.steps}; --resume goes on from there`);
          return setStatus(isPengiError(stopped) ? stopped.exitCode : 130);
        }
        const { loss, validationLoss, best, stoppedEarly, steps } = result;
        if (stoppedEarly && best)
          context.say(`ended at step ${steps}: the evaluation at step ${best.step} is still the best`);
        context.say(
          `loss ${loss?.toFixed(3)}${validationLoss === undefined ? '' : `, validation ${(best?.value ?? validationLoss).toFixed(3)}`}`,
        );
        context.say(`model   ${result.model}\nreport  ${join(out, 'report.html')}`);
      } catch (error) {
        throw fail(error);
      }
    });
}

/** What is to be trained, and how. @throws PengiError E_USAGE for flags that do not go together, E_CONFIG */
async function chosen(
  what: TaskName | undefined,
  flags: TrainFlags,
): Promise<{ task: TaskName; config: RunConfig; name: string }> {
  if (flags.config !== undefined && flags.recipe !== undefined)
    throw new PengiError('E_USAGE', '--config and --recipe both say what to do: give one of them');
  if (flags.steps !== undefined && flags.epochs !== undefined)
    throw new PengiError('E_USAGE', '--steps and --epochs both say how long: give one of them');
  if (flags.recipe !== undefined) {
    const { name, task, config } = findRecipe(flags.recipe);
    if (what !== undefined && what !== task)
      throw new PengiError('E_USAGE', `the recipe ${name} trains "${task}", not "${what}"`);
    return { task, name, config: completed(config, flags, { file: `recipe ${name}` }) };
  }
  if (what === undefined)
    throw new PengiError('E_USAGE', 'nothing says what to train', {
      hint: 'name clap, lm or pengi, or a recipe (pengi recipes)',
    });
  if (flags.config !== undefined) {
    const { input, folder } = await readConfig(flags.config);
    return { task: what, name: what, config: completed(input, flags, { file: flags.config, folder }) };
  }
  if (flags.data === undefined)
    throw new PengiError('E_USAGE', 'there is nothing to train on', {
      hint: 'give --config FILE, --recipe NAME, or --data FILE with recordings of your own',
    });
  const input = fineTuning(what, flags.data, flags.from);
  return { task: what, name: what, config: completed(input, flags, { file: 'the command line' }) };
}

/** Paths of flags count from the working folder, those of a config from its own. */
function completed(
  input: TrainConfigInput,
  { data, root, from, sets, ...flags }: TrainFlags,
  { file, folder = process.cwd() }: { file: string; folder?: string },
): RunConfig {
  const absolute = { ...flags, ...located({ data, root, from, sets }) };
  return completeConfig(withFlags(input, absolute), folder, file);
}

function located(paths: Readonly<Record<string, string | undefined>>): Partial<TrainFlags> {
  return Object.fromEntries(
    Object.entries(paths).flatMap(([name, path]) => (path === undefined ? [] : [[name, resolve(path)]])),
  );
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value))
    throw new PengiError('E_USAGE', `"${text}" is no number`);
  return value;
}
