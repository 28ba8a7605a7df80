import type { Command } from 'commander';
import { contextOf } from '../context.js';
import { findRecipe, RECIPES } from '../recipes/index.js';

export function addRecipes(program: Command): void {
  const recipes = program
    .command('recipes')
    .description('training recipes: the paper’s two stages, small ones, and the ablations of its tables');
  recipes
    .command('list', { isDefault: true })
    .description('all of them, a line each')
    .action((_, command: Command) => {
      const context = contextOf(command);
      context.data(RECIPES.map(({ name, task, summary }) => ({ name, task, summary })));
      const width = Math.max(...RECIPES.map(({ name }) => name.length));
      for (const { name, summary } of RECIPES) context.say(`${name.padEnd(width)}  ${summary}`);
    });
  recipes
    .command('show <name>')
    .description('one of them as a config, to be changed and given to "pengi train --config"')
    .action((name: string, _, command: Command) => {
      const context = contextOf(command);
      const { config } = findRecipe(name);
      context.data(config);
      context.say(JSON.stringify(config, null, 2));
    });
}
