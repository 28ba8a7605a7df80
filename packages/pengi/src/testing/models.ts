/** What the tests share: models of random weights, of each kind, for a third of a second of audio. */
import { flatten, floats, type NdArray, rebuildTree } from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import { initParams, type ParamSpec } from '@pengi/nn';
import { expect } from 'vitest';
import type { ClapcapConfig } from '../clapcap/config.js';
import { type ClapcapParams, clapcapSpec } from '../clapcap/params.js';
import type { PengiConfig } from '../config.js';
import { type PengiParams, pengiSpec } from '../params.js';
import { createPengi, type Pengi } from '../pengi.js';
import { smallConfigs, TINY_SIZES } from '../small.js';

export const LONG_PROMPT = `question: ${'is it a dog or a cat? '.repeat(8)}`;

const PROMPTS = [
  'generate audio caption',
  'generate metadata',
  'this is a sound of',
  'question: what is it?',
  LONG_PROMPT,
];
const ANSWERS = ['a dog barks in the rain', 'a cat', 'it is a dog', 'rain falls on a roof', 'a violin'];

/** With a text tower, prefix of 8 + 8 vectors of 128 channels, 128 positions. */
export const SMALL = smallConfigs({ prompts: PROMPTS, answers: ANSWERS }, TINY_SIZES);
export const BASE: PengiConfig = SMALL.pengi;

/** Prompts go through the language model's embeddings, whose vocabulary must know them. */
export const NO_TEXT_ENCODER: PengiConfig = {
  ...smallConfigs({ prompts: PROMPTS, answers: [...ANSWERS, ...PROMPTS] }, TINY_SIZES).pengi,
  text: null,
  promptMapper: {
    kind: 'sequence',
    width: 128,
    prefixLength: 8,
    inputLength: 40,
    layers: 1,
    heads: 8,
    mlpRatio: 2,
  },
};

/** `BASE` with a language model that knows single letters, too, and '漢', which are three tokens. */
export const WITH_LETTERS: PengiConfig = smallConfigs(
  { prompts: PROMPTS, answers: [...ANSWERS, ...'dograin', '漢'] },
  TINY_SIZES,
).pengi;

/** Clapcap of the same sizes: a prefix of 8 vectors. Its language model knows some words in capitals. */
export const CLAPCAP: ClapcapConfig = (() => {
  const { pengi } = smallConfigs(
    { prompts: PROMPTS, answers: [...ANSWERS, 'DOG barks', 'A Cat'] },
    TINY_SIZES,
  );
  const { frontend, audio, embedding, gpt2, audioMapper: mapper, stopToken } = pengi;
  return { model: 'clapcap', frontend, audio, embedding, gpt2, mapper, stopToken };
})();

/** `config` with positions for so many tokens only, prefix included. */
export const withPositions = (positions: number, config = BASE): PengiConfig => ({
  ...config,
  gpt2: { ...config.gpt2, positions },
});

export type Params = PengiParams<NdArray<'float32'>>;

/** Initial weights, but so large behind the encoders that texts depend on recordings and prompts. */
export function paramsOf(config: PengiConfig, seed = 1): Params {
  return enlarged(initParams(pengiSpec(config), seed));
}

/** As `paramsOf`. */
export function clapcapParamsOf(config: ClapcapConfig, seed = 1): ClapcapParams<NdArray<'float32'>> {
  return enlarged(initParams(clapcapSpec(config), seed));
}

function enlarged<T>(params: T): T {
  const scales: [RegExp, number][] = [
    [/\.norm|\.ln_|bias$|const$/, 1],
    [/^(caption_decoder\.)?gpt\./, 8],
    [/^(caption_decoder|clap_project)\./, 3],
  ];
  return rebuildTree<T>(params, (path, leaf) => {
    const { data, shape } = leaf as NdArray<'float32'>;
    const [, scale] = scales.find(([names]) => names.test(path)) ?? [undefined, 1];
    return floats(
      data.map((w) => scale * w),
      shape,
    );
  });
}

/** A language model that says a token more often: a bias along its embedding raises its logit by `by`. */
export function saying(
  id: number,
  transformer: Params['caption_decoder']['gpt']['transformer'],
  by = 3,
): typeof transformer {
  const C = transformer.ln_f.bias.shape[0]!;
  const vector = transformer.wte.weight.data.subarray(id * C, (id + 1) * C);
  const square = vector.reduce((total, x) => total + x * x, 0);
  const bias = floats(
    vector.map((x) => (x * by) / square),
    [C],
  );
  return { ...transformer, ln_f: { ...transformer.ln_f, bias } };
}

let shared: Promise<Engine> | undefined;

export function testEngine(): Promise<Engine> {
  shared ??= createEngine('jit', { threads: 1 });
  return shared;
}

export async function pengiOf(config: PengiConfig, params = paramsOf(config)): Promise<Pengi> {
  return createPengi(params, config, { engine: await testEngine() });
}

/** A third of a second of a tone. */
export const tone = (hertz: number) => ({
  samples: Float32Array.from({ length: 4800 }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / 16000)),
  sampleRate: 16000,
});

export const numbers = ({ data }: NdArray) => Array.from(data, Number);

export const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

export function expectNear(found: readonly number[], expected: readonly number[], tolerance = 1e-4): void {
  expect(found).toHaveLength(expected.length);
  const worst = Math.max(...expected.map((value, i) => Math.abs(found[i]! - value)));
  expect(worst).toBeLessThan(tolerance);
}

/** Paths of the leaves whose values differ. */
export function changedPaths(before: unknown, after: unknown): string[] {
  const [old, now] = [flatten<NdArray>(before as NdArray), flatten<NdArray>(after as NdArray)];
  return Object.keys(old).filter((path) => old[path]!.data.some((value, i) => value !== now[path]!.data[i]));
}

/** The paths of all parameters. */
export const pathsOf = (config: PengiConfig) => Object.keys(flatten<ParamSpec>(pengiSpec(config)));
