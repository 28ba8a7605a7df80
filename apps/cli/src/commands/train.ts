import { join } from 'node:path';
import { isPengiError } from '@pengi/core';
import { withInterrupt } from '@pengi/train';
import { Argument, type Command } from 'commander';
import { contextOf } from '../context.js';
import type { SetStatus } from '../status.js';
import { joinJob } from '../train/job.js';
import { loadTrainConfig } from '../train/load-config.js';
import { runTraining, type TaskName } from '../train/run.js';

export function addTrain(program: Command, setStatus: SetStatus): void {
  program
    .command('train')
    .description(
      'train on a manifest of your own: contrastive CLAP, the language model alone, or Pengi on top of them',
    )
    .addArgument(new Argument('<what>', 'what to train').choices(['clap', 'lm', 'pengi']))
    .requiredOption('--config <file>', 'JSON, or a TypeScript module with a default export')
    .option('--out <folder>', 'run folder; the model is in "model" below it (default: runs/<what>)')
    .option('--resume', 'go on from the newest checkpoint of the run folder')
    .addHelpText(
      'after',
      `
A manifest is a CSV or JSONL file with the columns audio, prompt and target. The smallest config:
  { "data": { "manifest": "train.csv" }, "steps": 1000 }

Examples:
  pengi train clap  --config clap.json
  pengi train lm    --config lm.json
  pengi train pengi --config pengi.ts      # there: from: { clap: 'runs/clap/model', language: 'runs/lm/model' }
  pengi train pengi --config pengi.ts --resume
  mpirun -n 4 pengi train pengi --config pengi.ts   # four processes, each with a quarter of every batch`,
    )
    .action(
      async (task: TaskName, flags: { config: string; out?: string; resume?: boolean }, command: Command) => {
        const { context, communicator, end, fail } = await joinJob(contextOf(command));
        try {
          const config = await loadTrainConfig(flags.config);
          const { out = join('runs', task), resume = false } = flags;
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
          const { loss, validationLoss } = result;
          context.say(
            `loss ${loss?.toFixed(3)}${validationLoss === undefined ? '' : `, validation ${validationLoss.toFixed(3)}`}`,
          );
          context.say(`model   ${result.model}\nreport  ${join(out, 'report.html')}`);
        } catch (error) {
          throw fail(error);
        }
      },
    );
}
