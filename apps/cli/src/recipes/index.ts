/** The training recipes that come with the program. */
import { PengiError } from '@pengi/core';
import { ablationsOf } from './ablations.js';
import { MINI_CLAP, MINI_LM, MINI_PENGI } from './mini.js';
import { PAPER_CLAP, PAPER_PENGI } from './paper.js';
import type { Recipe } from './recipe.js';

export type { Recipe } from './recipe.js';

export const RECIPES: readonly Recipe[] = [
  PAPER_CLAP,
  PAPER_PENGI,
  ...ablationsOf(PAPER_PENGI, ['trained-audio', 'mappers-8']),
  MINI_CLAP,
  MINI_LM,
  MINI_PENGI,
  ...ablationsOf(MINI_PENGI, ['frozen-audio']),
];

/** @throws PengiError E_USAGE for a name that is none */
export function findRecipe(name: string): Recipe {
  const found = RECIPES.find((recipe) => recipe.name === name);
  if (found) return found;
  throw new PengiError('E_USAGE', `there is no recipe "${name}"`, {
    hint: `recipes are ${RECIPES.map((recipe) => recipe.name).join(', ')}`,
  });
}
