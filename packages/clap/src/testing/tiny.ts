/** A small CLAP of random weights, recordings for it, and what the tests share. */
import { RELEASED_FRONTEND } from '@pengi/audio-frontend';
import {
  createRng,
  flatten,
  floats,
  type MapLeaves,
  mapTree,
  type NdArray,
  sizeOf,
  type Tree,
} from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import { initParams, type ParamSpec } from '@pengi/nn';
import { expect } from 'vitest';
import { collectClipIds, createClipTokenizer } from '../clip-tokenizer.js';
import type { ClapConfig, ClipTextConfig } from '../config.js';
import { type ClapParams, clapSpec } from '../params.js';

export const LABELS = ['dog', 'cat', 'rain', 'a bell', '$&'];
const TEXTS = LABELS.map((label) => `this is a sound of ${label}`);

const keptIds = collectClipIds(createClipTokenizer(), TEXTS);

export const TINY_TEXT: ClipTextConfig = {
  vocabularySize: keptIds.length,
  positions: 12,
  width: 8,
  hidden: 12,
  layers: 2,
  heads: 2,
  projection: 6,
  dropout: 0,
  promptLength: 10,
  keptIds,
};

/** A fifth of a second at 8 kHz: 21 frames. */
export const TINY: ClapConfig = {
  model: 'clap',
  frontend: {
    ...RELEASED_FRONTEND,
    sampleRate: 8000,
    durationSeconds: 0.2,
    fftSize: 256,
    hopLength: 80,
    mels: 16,
    fMax: 4000,
    melSampleRate: 8000,
  },
  audio: {
    specSize: 32,
    mels: 16,
    patchSize: 8,
    embedDim: 8,
    depths: [1, 1],
    heads: [2, 2],
    windowSize: 4,
    mlpRatio: 2,
    classes: 3,
    positionEmbedding: null,
    dropPath: 0,
  },
  text: TINY_TEXT,
  embedding: 10,
  projectionDropout: 0.5,
};

export function tinyParams(seed: number, config = TINY): ClapParams<NdArray<'float32'>> {
  return movedParams(clapSpec(config), seed);
}

/** Initial values, moved a little, so that no gain is 1 and no bias 0. */
export function movedParams<S>(
  spec: S & Tree<ParamSpec>,
  seed: number,
): MapLeaves<S, ParamSpec, NdArray<'float32'>> {
  const rng = createRng(seed);
  const initial = flatten<NdArray<'float32'>>(initParams(spec, seed) as Tree<NdArray<'float32'>>);
  return mapTree<ParamSpec, NdArray<'float32'>, S>(spec, ({ shape }, name) => {
    const { normal } = rng.fork(name);
    return floats(
      initial[name]!.data.map((x) => x + 0.1 * normal()),
      shape,
    );
  });
}

export function randomArray(seed: number, shape: readonly number[], scale = 1): NdArray<'float32'> {
  const { normal } = createRng(seed);
  return floats(
    Array.from({ length: sizeOf(shape) }, () => scale * normal()),
    shape,
  );
}

/** Noise of a fifth of a second. */
export const noise = (seed: number) => ({
  samples: Float32Array.from(randomArray(seed, [1600], 0.1).data),
  sampleRate: 8000,
});

const engines = new Map<string, Promise<Engine>>();

export function testEngine(name: 'jit' | 'cpu' = 'jit'): Promise<Engine> {
  const engine = engines.get(name) ?? createEngine(name, { threads: 1 });
  engines.set(name, engine);
  return engine;
}

export const numbers = ({ data }: NdArray) => Array.from(data, Number);

/** The rows of [N, E]. */
export function rowsOf({ data, shape }: NdArray): number[][] {
  const [N, E] = shape as [number, number];
  return Array.from({ length: N }, (_, i) => Array.from(data.subarray(i * E, (i + 1) * E), Number));
}

export const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

export function expectNear(found: readonly number[], expected: readonly number[], tolerance = 1e-5): void {
  expect(found).toHaveLength(expected.length);
  const worst = Math.max(...expected.map((value, i) => Math.abs(found[i]! - value)));
  expect(worst).toBeLessThan(tolerance);
}
