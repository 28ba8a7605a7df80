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
  it('are all different', () => {
    const configs = RECIPES.map(({ task, config }) => JSON.stringify([task, config]));
    expect(new Set(configs).size).toBe(RECIPES.length);
    expect(new Set(RECIPES.map(({ name }) => name)).size).toBe(RECIPES.length);
  });

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
      const { audioMapper, promptMapper } = own;
      expect(await modelOf(`${base}-mappers-1`)).toEqual({
        ...own,
        audioMapper: { ...audioMapper, layers: 1 },
        promptMapper: { ...promptMapper, layers: 1 },
      });
    }
    const frozenOf = (name: string) => findRecipe(name).config.frozen;
    expect(frozenOf('paper-pengi-frozen-audio')).toContain('audio_encoder.base');
    expect(frozenOf('mini-pengi')).toContain('audio_encoder.base');
    expect(frozenOf('mini-pengi-trained-audio')).not.toContain('audio_encoder.base');
    const unfrozen = (name: string) => ({ ...findRecipe(name).config, frozen: undefined });
    expect(unfrozen('paper-pengi-frozen-audio')).toEqual(unfrozen('paper-pengi'));
    expect(unfrozen('mini-pengi-trained-audio')).toEqual(unfrozen('mini-pengi'));
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
