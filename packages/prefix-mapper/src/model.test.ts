import { createRng, flatten, floats, mapTree, type NdArray } from '@pengi/core';
import { createEngine, type Engine } from '@pengi/jit';
import { collectProbes, valueAndGrad } from '@pengi/nn';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { MapperConfig } from './config.js';
import { createMapper } from './load.js';
import { mapPrefix } from './model.js';
import type { MapperParams } from './params.js';
import { randomArray, TINY, type TinyParams, tinyParams } from './testing/tiny.js';

let engine: Engine;
beforeAll(async () => {
  engine = await createEngine('jit', { threads: 1 });
});

const shapeOf = (config: MapperConfig, batch: number) =>
  config.kind === 'sequence' ? [batch, config.inputLength, config.width] : [batch, config.inputs];
const inputs = (config: MapperConfig, batch = 2) => randomArray(createRng(3), shapeOf(config, batch));
const numbers = ({ data }: NdArray) => Array.from(data, Number);
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

async function map(
  config: MapperConfig,
  x: NdArray<'float32'>,
  params = tinyParams(config),
): Promise<NdArray> {
  const mapper = createMapper(params, config, engine);
  const prefix = await mapper.map(x);
  await mapper.dispose();
  return prefix;
}

function expectNear(found: readonly number[], expected: readonly number[], tolerance = 1e-5): void {
  expect(found).toHaveLength(expected.length);
  const worst = Math.max(...expected.map((value, i) => Math.abs(found[i]! - value)));
  expect(worst).toBeLessThan(tolerance);
}

describe.each(Object.values(TINY))('a mapper of kind $kind', (config: MapperConfig) => {
  it.each([1, 2, 5])('gives %d prefixes of prefixLength vectors', async (batch) => {
    const prefix = await map(config, inputs(config, batch));
    expect(prefix.shape).toEqual([batch, 3, 8]);
    expect(numbers(prefix).every(Number.isFinite)).toBe(true);
  });

  it('maps each input by itself', async () => {
    const x = inputs(config, 3);
    const size = x.data.length / 3;
    const alone = await Promise.all(
      [0, 1, 2].map((b) => map(config, floats(x.data.slice(b * size, (b + 1) * size), shapeOf(config, 1)))),
    );
    expectNear(numbers(await map(config, x)), alone.flatMap(numbers), 1e-6);
  });

  it('gives other vectors for another input at every place of the prefix', async () => {
    const x = inputs(config, 1);
    const other = floats(
      x.data.map((value, i) => (i === 0 ? value + 1 : value)),
      x.shape,
    );
    const [a, b] = [numbers(await map(config, x)), numbers(await map(config, other))];
    for (const place of [0, 1, 2])
      expect(a.slice(place * 8, place * 8 + 8)).not.toEqual(b.slice(place * 8, place * 8 + 8));
  });

  it('refuses inputs of another shape', async () => {
    const wrong = config.kind === 'sequence' ? [2, 3, 8] : [2, 6];
    const expected = config.kind === 'sequence' ? '2,2,8' : '2,5';
    await expect(map(config, randomArray(createRng(1), wrong))).rejects.toMatchObject({
      code: 'E_SHAPE',
      message: `a ${config.kind} mapper takes [${expected}], found [${wrong.join()}]`,
    });
    await expect(map(config, floats([1, 2, 3, 4, 5]))).rejects.toMatchObject({ code: 'E_SHAPE' });
  });

  it('has gradients that agree with differences in random directions', async () => {
    const params = awayFromKinks(tinyParams(config));
    const x = inputs(config);
    const loss = (p: MapperParams, y: Tensor): Scalar => {
      const prefix = mapPrefix(p, y, config);
      return tf.sum(tf.mul(prefix, tf.reshape(tf.sin(tf.range(1, prefix.size + 1)), prefix.shape)));
    };
    const backward = engine.compile(
      (p: MapperParams, y: Tensor) =>
        valueAndGrad((q) => loss(q as MapperParams, y), p).grads as unknown as MapperParams,
      params,
    );
    const gradients = flatten<NdArray>(await backward.run(x));
    const value = engine.compile((_none: object, p: MapperParams, y: Tensor) => loss(p, y), {});
    expect(Object.keys(gradients)).toEqual(Object.keys(flatten<NdArray>(params)));
    for (const [path, gradient] of Object.entries(gradients)) {
      const { data } = randomArray(createRng(9).fork(path), gradient.shape);
      const direction = data.map((d) => d / Math.hypot(...data));
      const along = async (t: number) =>
        Number((await value.run(moved(params, path, direction, t), x)).data[0]);
      const product = sum(numbers(gradient).map((g, i) => g * direction[i]!));
      const size = Math.hypot(...numbers(gradient));
      expect(size, path).toBeGreaterThan(1e-2);
      expect(Math.abs(product - (await slope(along))), path).toBeLessThan(2e-3 * size + 1e-4);
    }
  });
});

describe('the mlp', () => {
  it('is linear, tanh, linear', async () => {
    const config = TINY.mlp;
    const params = tinyParams(config);
    if (!('model' in params)) expect.fail('no mlp');
    const x = inputs(config, 1);
    const linear = ({ weight, bias }: { weight: NdArray; bias: NdArray }, values: readonly number[]) =>
      numbers(bias).map(
        (b, o) => b + sum(values.map((v, i) => v * Number(weight.data[o * values.length + i]))),
      );
    const hidden = linear(params.model[0], numbers(x)).map(Math.tanh);
    expectNear(numbers(await map(config, x)), linear(params.model[2], hidden));
  });
});

describe('the transformer', () => {
  it('is the sequence mapper on what its linear layer makes of the embedding', async () => {
    const params = tinyParams(TINY.transformer);
    if (!('linear' in params)) expect.fail('no linear layer');
    const { linear, ...rest } = params;
    const x = inputs(TINY.transformer, 2);
    const sequence = floats(
      [0, 1].flatMap((b) =>
        numbers(linear.bias).map(
          (bias, o) =>
            bias + sum([0, 1, 2, 3, 4].map((i) => x.data[b * 5 + i]! * linear.weight.data[o * 5 + i]!)),
        ),
      ),
      [2, 2, 8],
    );
    const found = await map(TINY.transformer, x);
    expectNear(numbers(found), numbers(await map(TINY.sequence, sequence, rest)));
  });

  it('is what the formulas say, in float64', async () => {
    const config = TINY.sequence;
    const params = tinyParams(config);
    if (!('transformer' in params)) expect.fail('no transformer');
    const x = inputs(config, 1);
    const { width: C, heads: H } = config;
    const D = C / H;
    type Layer = { weight: Floats; bias?: Floats };
    const norm =
      ({ weight, bias }: Layer) =>
      (v: readonly number[]) => {
        const mean = sum(v) / C;
        const deviation = Math.sqrt(sum(v.map((a) => (a - mean) ** 2)) / C + 1e-5);
        return v.map((a, c) => ((a - mean) / deviation) * weight.data[c]! + bias!.data[c]!);
      };
    const linear =
      ({ weight, bias }: Layer) =>
      (v: readonly number[]) =>
        Array.from({ length: weight.shape[0]! }, (_, o) =>
          sum([bias?.data[o] ?? 0, ...v.map((a, i) => a * weight.data[o * v.length + i]!)]),
        );
    const rows = (array: NdArray) =>
      Array.from({ length: array.data.length / C }, (_, t) => numbers(array).slice(t * C, (t + 1) * C));
    const add = (a: number[][], b: number[][]) => a.map((row, t) => row.map((value, c) => value + b[t]![c]!));

    let y = [...rows(x), ...rows(params.prefix_const)];
    for (const { norm1, attn, norm2, mlp } of params.transformer.layers) {
      const normed = y.map(norm(norm1));
      const [queries, keysValues] = [
        normed.map(linear(attn.to_queries)),
        normed.map(linear(attn.to_keys_values)),
      ];
      const attended = queries.map((query) =>
        Array.from({ length: C }, (_, c) => {
          const head = Math.floor(c / D) * D;
          const dot = (other: readonly number[]) =>
            sum(Array.from({ length: D }, (_, d) => query[head + d]! * other[head + d]!));
          const weights = keysValues.map((other) => Math.exp(dot(other) / Math.sqrt(D)));
          return sum(keysValues.map((other, i) => weights[i]! * other[C + c]!)) / sum(weights);
        }),
      );
      y = add(y, attended.map(linear(attn.project)));
      const hidden = y.map(norm(norm2)).map(linear(mlp.fc1));
      y = add(
        y,
        hidden.map((row) => linear(mlp.fc2)(row.map((a) => Math.max(0, a)))),
      );
    }
    expectNear(numbers(await map(config, x)), y.slice(config.inputLength).flat());
  });

  it('names what each layer gives', async () => {
    const run = (p: MapperParams, y: Tensor) =>
      collectProbes((probe) => mapPrefix(p, y, TINY.sequence, probe));
    const { probes } = await engine.compile(run, tinyParams(TINY.sequence)).run(inputs(TINY.sequence));
    expect(Object.entries(probes).map(([name, { shape }]) => [name, shape])).toEqual([
      ['layer0', [2, 2 + 3, 8]],
      ['layer1', [2, 2 + 3, 8]],
    ]);
  });

  it('does not know the order of its inputs but for their values', async () => {
    // No positions: swapping the input vectors changes nothing for the constants.
    const x = inputs(TINY.sequence, 1);
    const swapped = floats([...x.data.slice(8), ...x.data.slice(0, 8)], x.shape);
    expectNear(numbers(await map(TINY.sequence, swapped)), numbers(await map(TINY.sequence, x)));
  });
});

type Floats = NdArray<'float32'>;

/** Every ReLU is well above or well below 0, where it is differentiable. */
function awayFromKinks(params: TinyParams): TinyParams {
  return mapTree<Floats, Floats, TinyParams>(params, (leaf, name) =>
    name.endsWith('fc1.bias')
      ? floats(
          leaf.data.map((_, i) => (i % 2 ? 6 : -6)),
          leaf.shape,
        )
      : leaf,
  );
}

function moved(params: TinyParams, path: string, direction: Float32Array, t: number): TinyParams {
  return mapTree<Floats, Floats, TinyParams>(params, (leaf, name) => {
    if (name !== path) return leaf;
    const data = leaf.data.map((w, i) => w + t * direction[i]!);
    return floats(data, leaf.shape);
  });
}

/** The derivative of `f` at 0 by differences, exact for polynomials of degree 4. */
async function slope(f: (t: number) => Promise<number>, h = 0.02): Promise<number> {
  return (8 * ((await f(h)) - (await f(-h))) - ((await f(2 * h)) - (await f(-2 * h)))) / (12 * h);
}
