import { clapConfigSchema } from '@pengi/clap';
import { createMixture, listSource } from '@pengi/datasets';
import { type PengiConfig, pengiConfigSchema } from 'pengi';
import { describe, expect, it } from 'vitest';
import { pengi } from '../testing/command-line.js';
import type { TrainData } from '../train/data.js';
import { completeConfig } from '../train/load-config.js';
import { composed, freshConfigs } from '../train/models.js';
import { findRecipe, RECIPES } from './index.js';

/** Data with a few texts. */
const data: TrainData = {
  training: createMixture(
    [
      listSource([{ id: 'a', audio: '/a.wav', prompt: 'this is a sound of', target: 'a dog' }], {
        name: 'a',
        root: '/',
      }),
    ],
    { seed: 0 },
  ),
  validation: undefined,
  texts: async () => ({ prompts: ['this is a sound of'], answers: ['a dog'] }),
  close: async () => undefined,
};

const modelOf = async (name: string): Promise<PengiConfig> => {
  const { config } = findRecipe(name);
  return composed((await freshConfigs(completeConfig(config, '/', name), data)).pengi, {}, undefined);
};

describe('recipes', () => {
  it('are configs of models that can be', async () => {
    for (const { name, config } of RECIPES) {
      const fresh = await freshConfigs(completeConfig(config, '/', name), data);
      expect(clapConfigSchema.safeParse(fresh.clap).error, name).toBe(undefined);
      expect(pengiConfigSchema.safeParse(composed(fresh.pengi, {}, undefined)).error, name).toBe(undefined);
    }
  });

  // Section 4.1 and appendix D of the paper.
  it('have the paper’s numbers', () => {
    const common = { learningRate: 1e-4, warmupSteps: 2000, schedule: 'linear', model: 'paper' };
    expect(findRecipe('paper-clap').config).toMatchObject({ ...common, epochs: 45, batch: 1536 });
    expect(findRecipe('paper-pengi').config).toMatchObject({ ...common, epochs: 60, batch: 384 });
  });

  it('change what the tables compare, and nothing else', async () => {
    for (const base of ['paper-pengi', 'mini-pengi']) {
      const own = await modelOf(base);
      expect(await modelOf(`${base}-no-text-tower`)).toMatchObject({
        text: null,
        promptMapper: { kind: 'sequence' },
      });
      const mlp = await modelOf(`${base}-mlp-mappers`);
      expect([mlp.audioMapper.kind, mlp.promptMapper.kind]).toEqual(['mlp', 'mlp']);
      for (const layers of [1, 8])
        expect(await modelOf(`${base}-mappers-${layers}`)).toEqual({
          ...own,
          audioMapper: { ...own.audioMapper, layers },
          promptMapper: { ...own.promptMapper, layers },
        });
      const { config } = findRecipe(`${base}-frozen-audio`);
      expect(config.frozen).toContain('audio_encoder.base');
      expect({ ...config, frozen: undefined }).toEqual({ ...findRecipe(base).config, frozen: undefined });
      expect(findRecipe(`${base}-trained-audio`).config.frozen).not.toContain('audio_encoder.base');
    }
    const { sources } = findRecipe('paper-pengi-captioning').config.data;
    expect(Object.keys(sources ?? {})).toEqual(['audiocaps', 'clotho']);
  });

  it('are listed and shown, to be changed', async () => {
    const listed = JSON.parse((await pengi('recipes', '--json')).out) as { name: string }[];
    expect(listed.map(({ name }) => name)).toEqual(RECIPES.map(({ name }) => name));
    const shown = await pengi('recipes', 'show', 'mini-lm');
    expect(JSON.parse(shown.out)).toEqual(JSON.parse(JSON.stringify(findRecipe('mini-lm').config)));
  });
});
