import { createRng } from '@pengi/core';
import { describe, expect, it } from 'vitest';
import { NOTE_RECIPES } from './recipe.js';
import { clapCaption, NOTE_TASKS, noteExample } from './texts.js';

const note = { instrument: 'cello', pitch: 47 };
const DRAWS = 4000;

/** The share of each text, in draws of one seed. */
function shares(draw: (rng: ReturnType<typeof createRng>) => string): Map<string, number> {
  const rng = createRng(3);
  const found = new Map<string, number>();
  for (let i = 0; i < DRAWS; i++) {
    const text = draw(rng);
    found.set(text, (found.get(text) ?? 0) + 1 / DRAWS);
  }
  return found;
}

// Four standard deviations of a share of a half are 0.032.
const close = (found: number | undefined, expected: number) =>
  expect(Math.abs((found ?? 0) - expected)).toBeLessThan(0.032);

describe('what is drawn about a note', () => {
  it.each([
    { recipe: NOTE_RECIPES.instrument, instrument: 0.5, pitch: 0.3, register: 0.2 },
    { recipe: NOTE_RECIPES.pitch, instrument: 0.25, pitch: 0.5, register: 0.25 },
  ])('captions of the recipe $recipe.name', ({ recipe, instrument, pitch, register }) => {
    const found = shares((rng) => clapCaption(note, recipe.captions, rng));
    expect(found.size).toBe(3);
    close(found.get('this is a sound of cello'), instrument);
    close(found.get('this is a sound of cello, pitch 4 7'), pitch);
    close(found.get('this is a sound of cello, low note'), register);
  });

  it.each([
    { recipe: NOTE_RECIPES.instrument, described: 3 / 8, pitch: 2 / 8 },
    { recipe: NOTE_RECIPES.pitch, described: 8 / 13, pitch: 2 / 13 },
  ])('examples of the recipe $recipe.name', ({ recipe, described, pitch }) => {
    const found = shares((rng) => noteExample(note, recipe.tasks, rng).target);
    expect(found.size).toBe(5);
    close(found.get('produced by cello, pitch 47'), described);
    close(found.get('pitch 47'), pitch);
    for (const rest of ['a low note of a cello', 'cello', 'low'])
      close(found.get(rest), (1 - described - pitch) / 3);
  });

  it('leaves out a task of no share', () => {
    const alone = { note: 0, caption: 0, pitch: 1, instrument: 0, register: 0 };
    const found = shares((rng) => noteExample(note, alone, rng).prompt);
    expect([...found.keys()]).toEqual([NOTE_TASKS.pitch.prompt]);
  });
});
