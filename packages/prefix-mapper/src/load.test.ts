import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveModelFolder } from '@pengi/checkpoint';
import { createRng, flatten, floats, leaves, type NdArray, sizeOf, validate } from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import type { ParamSpec } from '@pengi/nn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  MAPPER_PAPER,
  MAPPER_RELEASED,
  type MapperConfig,
  mapperConfigSchema,
  SEQUENCE_MAPPER_RELEASED,
} from './config.js';
import { createMapper, loadMapper, mapperParams } from './load.js';
import { mapperSpec } from './params.js';
import { randomArray, TINY, tinyParams } from './testing/tiny.js';

describe('presets', () => {
  // The numbers of the released checkpoints' tensors.
  it.each<[string, MapperConfig, number]>([
    ['MAPPER_RELEASED', MAPPER_RELEASED, 50_417_664],
    ['SEQUENCE_MAPPER_RELEASED', SEQUENCE_MAPPER_RELEASED, 18_929_664],
  ])('%s has the parameters of the released mapper', (_name, config, count) => {
    const sizes = leaves<ParamSpec>(mapperSpec(config)).map(([, { shape }]) => sizeOf(shape));
    expect(sizes.reduce((a, b) => a + b)).toBe(count);
  });

  it('have the paper differ from the released code by its number of layers', () => {
    expect(MAPPER_PAPER).toEqual({ ...MAPPER_RELEASED, layers: 8 });
  });
});

describe('configs', () => {
  it.each(Object.values(TINY))('of kind $kind are valid', (config) => {
    expect(validate(mapperConfigSchema, config)).toEqual(config);
  });

  it.each<[object, string]>([
    [{ ...TINY.transformer, heads: 3 }, 'heads: heads must divide width'],
    [{ ...TINY.sequence, heads: 3 }, 'heads: heads must divide width'],
    [{ ...TINY.mlp, hidden: 0 }, 'hidden: '],
    [{ ...TINY.sequence, inputs: 5 }, 'inputs'],
    [{ ...TINY.mlp, kind: 'linear' }, 'kind: '],
  ])('that do not make a mapper are refused by name: %o', (config, message) => {
    const error = { code: 'E_CONFIG', message: expect.stringContaining(message) };
    expect(() => validate(mapperConfigSchema, config)).toThrow(expect.objectContaining(error));
    expect(() => mapperSpec(config as MapperConfig)).toThrow(expect.objectContaining(error));
  });
});

describe('parameters out of a file', () => {
  const params = tinyParams(TINY.transformer);
  const tensors = flatten<NdArray>(params);

  it('may lie below a prefix', () => {
    const inside = Object.fromEntries(
      Object.entries(tensors).map(([name, array]) => [`decoder.audio.${name}`, array]),
    );
    const others = { 'decoder.text.linear.weight': floats([1]) };
    expect(mapperParams({ ...inside, ...others }, TINY.transformer, 'decoder.audio.')).toEqual(params);
  });

  it('must fit, or the difference is listed', () => {
    expect(() => mapperParams(tensors, { ...TINY.transformer, prefixLength: 4 })).toThrow(
      expect.objectContaining({
        code: 'E_WEIGHTS',
        message: [
          'the weights do not fit this transformer mapper: 1 of another shape',
          '  ~ prefix_const: file has [3,8], model wants [4,8]',
        ].join('\n'),
      }),
    );
    expect(() => mapperParams(tensors, TINY.sequence)).toThrow(
      /this sequence mapper: 2 extra\n {2}\+ linear.weight \[16,5\]\n {2}\+ linear.bias \[16\]/,
    );
  });
});

describe('a model folder', () => {
  let dir: string;
  let engine: Engine;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mapper-'));
    engine = await createEngine('jit', { threads: 1 });
  });
  afterAll(() => rm(dir, { recursive: true }));

  it.each(Object.values(TINY))('gives a mapper of kind $kind that works', async (config: MapperConfig) => {
    const params = tinyParams(config);
    const path = join(dir, config.kind);
    await saveModelFolder(path, { config, tensors: params });
    const mapper = await loadMapper(path, { engine });
    const x = randomArray(createRng(1), config.kind === 'sequence' ? [1, 2, 8] : [1, 5]);
    expect(mapper.config).toEqual(config);
    expect(await mapper.map(x)).toEqual(await createMapper(params, config, engine).map(x));
    await mapper.dispose();
  });
});
