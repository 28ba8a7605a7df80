import { createRng, flatten, floats, ints, mapTree, type NdArray } from '@pengi/core';
import { type Arrays, createEngine, type Engine } from '@pengi/jit';
import { collectProbes, type Keys, keysFrom, MASKED, valueAndGrad } from '@pengi/nn';
import type { Scalar } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Gpt2Config } from './config.js';
import { gpt2Embed, gpt2Hidden, gpt2Logits, tokenLosses } from './model.js';
import type { Gpt2Params } from './params.js';
import { randomArray, TINY, tinyParams } from './testing/tiny.js';

let engine: Engine;
beforeAll(async () => {
  engine = await createEngine('jit', { threads: 1 });
});

type Floats = NdArray<'float32'>;
const params = tinyParams(4);
const input = (shape: readonly number[], seed = 1) => randomArray(createRng(seed), shape);

/** `f` once, compiled. */
async function run<Output>(f: (p: Gpt2Params) => Output, p = params): Promise<Arrays<Output>> {
  const program = engine.compile(f, p);
  const output = await program.run();
  await program.dispose();
  return output;
}

const tensor = ({ data, shape, dtype }: NdArray) => tf.tensor(data, [...shape], dtype);
const numbers = ({ data }: NdArray) => Array.from(data, Number);
/** Values [from, to) of [B, T, C] along T, of the first sequence. */
const positions = (x: NdArray, from: number, to: number) =>
  numbers(x).slice(from * x.shape[2]!, to * x.shape[2]!);

function expectNear(found: readonly number[], expected: readonly number[], digits = 4): void {
  expect(found).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(found[i], `[${i}]`).toBeCloseTo(value, digits);
}

describe('the transformer', () => {
  it('is what the formulas say, in float64', async () => {
    const x = input([1, 5, 8]);
    const { hidden } = await run((p) => ({ hidden: gpt2Hidden(p, tensor(x), TINY).hidden }));
    expectNear(numbers(hidden), plainHidden(x).flat());
  });
});

describe('what a position sees', () => {
  it('is itself and what is before it', async () => {
    const x = input([1, 6, 8]);
    const changed = floats(
      x.data.map((value, i) => (i >= 4 * 8 ? value + 1 : value)),
      x.shape,
    );
    const [a, b] = await run((p) => [x, changed].map((array) => gpt2Hidden(p, tensor(array), TINY).hidden));
    expectNear(positions(b!, 0, 4), positions(a!, 0, 4), 6);
    expect(positions(b!, 4, 5)).not.toEqual(positions(a!, 4, 5));
    expect(positions(b!, 5, 6)).not.toEqual(positions(a!, 5, 6));
  });

  it('is not padding, on the right or on the left', async () => {
    const x = input([1, 4, 8]);
    const junk = input([1, 3, 8], 2);
    const padded = (left: boolean) =>
      tf.concat(left ? [tensor(junk), tensor(x)] : [tensor(x), tensor(junk)], 1);
    const { alone, right, left } = await run((p) => ({
      alone: gpt2Hidden(p, tensor(x), TINY).hidden,
      right: gpt2Hidden(p, padded(false), TINY, { attentionMask: tf.tensor2d([[1, 1, 1, 1, 0, 0, 0]]) })
        .hidden,
      left: gpt2Hidden(p, padded(true), TINY, {
        attentionMask: tf.tensor2d([[0, 0, 0, 1, 1, 1, 1]]),
        positions: tf.tensor2d([[0, 0, 0, 0, 1, 2, 3]], undefined, 'int32'),
      }).hidden,
    }));
    expectNear(positions(right, 0, 4), numbers(alone));
    expectNear(positions(left, 3, 7), numbers(alone));
    expect(numbers(left).every(Number.isFinite)).toBe(true);
  });

  it('does not depend on the other sequences of the batch', async () => {
    const x = input([3, 5, 8]);
    const [together, ...alone] = await run((p) => [
      gpt2Hidden(p, tensor(x), TINY).hidden,
      ...[0, 1, 2].map((b) => gpt2Hidden(p, tf.slice(tensor(x), [b, 0, 0], [1, 5, 8]), TINY).hidden),
    ]);
    expectNear(numbers(together!), alone.flatMap(numbers), 5);
  });

  it.each([1, 3, 5])('is the same when the first %d positions come out of a past', async (n) => {
    const x = input([2, 6, 8]);
    const { whole, rest } = await run((p) => {
      const part = (from: number, count: number) => tf.slice(tensor(x), [0, from, 0], [2, count, 8]);
      const { present } = gpt2Hidden(p, part(0, n), TINY);
      const past = {
        layers: present.map(({ k, v }) => ({ k: tf.squeeze(k, [2]), v: tf.squeeze(v, [2]) })),
        mask: tf.zeros([2, 1, n]),
      };
      return {
        whole: tf.slice(gpt2Hidden(p, tensor(x), TINY).hidden, [0, n, 0], [2, 6 - n, 8]),
        rest: gpt2Hidden(p, part(n, 6 - n), TINY, { past, positions: tf.range(n, 6, 1, 'int32') }).hidden,
      };
    });
    expectNear(numbers(rest), numbers(whole));
  });

  it('leaves out the slots that a row may not see, and the padding of each row', async () => {
    const [store, x] = [input([1, 3, 8]), input([2, 2, 8], 2)];
    const { shared, rows } = await run((p) => {
      const { present } = gpt2Hidden(p, tensor(store), TINY);
      const layers = present.map(({ k, v }) => ({ k: tf.squeeze(k, [2]), v: tf.squeeze(v, [2]) }));
      const at = tf.range(3, 5, 1, 'int32');
      const row = (r: number) => tf.slice(tensor(x), [r, 0, 0], [1, 2, 8]);
      const masks = [
        [0, 0, MASKED],
        [0, MASKED, 0],
      ];
      const padding = [
        [1, 1],
        [0, 1],
      ];
      return {
        shared: gpt2Hidden(p, tensor(x), TINY, {
          past: { layers, mask: tf.tensor3d([masks]) },
          positions: at,
          attentionMask: tf.tensor2d(padding),
        }).hidden,
        rows: masks.map((mask, r) => {
          const past = { layers, mask: tf.tensor3d([[mask]]) };
          return gpt2Hidden(p, row(r), TINY, {
            past,
            positions: at,
            attentionMask: tf.tensor2d([padding[r]!]),
          }).hidden;
        }),
      };
    });
    expectNear(numbers(shared), rows.flatMap(numbers), 5);
    const visible = await run((p) => {
      const { present } = gpt2Hidden(p, tensor(store), TINY);
      const layers = present.map(({ k, v }) => ({ k: tf.squeeze(k, [2]), v: tf.squeeze(v, [2]) }));
      const past = { layers, mask: tf.zeros([1, 1, 3]) };
      return gpt2Hidden(p, tensor(x), TINY, { past, positions: tf.range(3, 5, 1, 'int32') }).hidden;
    });
    expect(numbers(visible)).not.toEqual(numbers(shared));
  });
});

describe('the output layer', () => {
  it('is the table of embeddings', async () => {
    const { hidden, logits, table } = await run((p) => {
      const { hidden } = gpt2Hidden(p, tensor(input([1, 2, 8])), TINY);
      return { hidden, logits: gpt2Logits(p, hidden), table: gpt2Embed(p, tf.range(0, 11, 1, 'int32')) };
    });
    const expected = [0, 1].flatMap((t) =>
      Array.from({ length: 11 }, (_, id) =>
        positions(hidden, t, t + 1).reduce((sum, h, c) => sum + h * Number(table.data[id * 8 + c]), 0),
      ),
    );
    expect(logits.shape).toEqual([1, 2, 11]);
    expectNear(numbers(logits), expected);
  });

  it('gives each target token the cross-entropy of its logits', async () => {
    const targets = ints([3, 0, 10, 3, 7, 1], [2, 3]);
    const { losses, logProbs } = await run((p) => {
      const { hidden } = gpt2Hidden(p, tensor(input([2, 3, 8])), TINY);
      return {
        losses: tokenLosses(p, hidden, tensor(targets)),
        logProbs: tf.logSoftmax(gpt2Logits(p, hidden)),
      };
    });
    const expected = Array.from(targets.data, (id, i) => -Number(logProbs.data[i * 11 + id]));
    expect(losses.shape).toEqual([2, 3]);
    expectNear(numbers(losses), expected);
  });
});

describe('dropout', () => {
  const x = input([2, 4, 8]);
  const hiddenWith = async (seeds?: number[], config: Gpt2Config = TINY) => {
    const { hidden } = await run((p) => {
      const keys = seeds && keysFrom(tf.tensor1d(seeds, 'int32'));
      return { hidden: gpt2Hidden(p, tensor(x), config, { keys }).hidden };
    });
    return [numbers(hidden).slice(0, 32), numbers(hidden).slice(32)];
  };

  it('is off without keys and with a rate of 0', async () => {
    expect(await hiddenWith()).toEqual(await hiddenWith(undefined, { ...TINY, dropout: 0.9 }));
    expect(await hiddenWith([1, 2], { ...TINY, dropout: 0 })).toEqual(await hiddenWith());
  });

  it('depends on the seed of each sequence and on nothing else', async () => {
    const [first, second] = await hiddenWith([1, 2]);
    expect(await hiddenWith([1, 2])).toEqual([first, second]);
    const [same, other] = await hiddenWith([1, 3]);
    expect(same).toEqual(first);
    expect(other).not.toEqual(second);
    expect(first).not.toEqual((await hiddenWith())[0]);
  });

  /** The state after the first block, trained and not, of a model with zeros where a pattern says so. */
  const afterFirstBlock = async (zeros: RegExp, x: NdArray) => {
    const p = mapTree<Floats, Floats, typeof params>(params, (leaf, path) =>
      zeros.test(path) ? floats(new Float32Array(leaf.data.length), leaf.shape) : leaf,
    );
    const { trained, plain } = await run((q) => {
      const state = (keys?: Keys) =>
        collectProbes((probe) => gpt2Hidden(q, tensor(x), { ...TINY, dropout: 0.5 }, { keys, probe })).probes[
          'h.0'
        ]!;
      return { trained: state(keysFrom(tf.tensor1d([1], 'int32'))), plain: state() };
    }, p);
    return { trained: numbers(trained), plain: numbers(plain) };
  };
  const blank = floats(new Float32Array(8 * 8), [1, 8, 8]);

  it.each<[string, RegExp, NdArray]>([
    ['embeddings', /c_proj/, input([1, 8, 8])],
    ['what attention adds', /attn\.c_proj\.weight|mlp\.c_proj|wpe/, blank],
    ['what the feed-forward layers add', /mlp\.c_proj\.weight|attn\.c_proj|wpe/, blank],
  ])('drops half of %s and doubles the rest', async (_what, zeros, x) => {
    const { trained, plain } = await afterFirstBlock(zeros, x);
    const dropped = trained.filter((value, i) => value === 0 && plain[i] !== 0).length;
    expect(dropped).toBeGreaterThan(16);
    expect(dropped).toBeLessThan(48);
    for (const [i, value] of trained.entries()) if (value !== 0) expect(value).toBeCloseTo(2 * plain[i]!, 5);
  });

  it('drops attention weights', async () => {
    // Equal tokens attend to equal values, so without that only 0 and the double could come out.
    const { trained, plain } = await afterFirstBlock(/mlp\.c_proj|wpe/, blank);
    const others = trained.filter((value, i) => value !== 0 && Math.abs(value - 2 * plain[i]!) > 1e-3);
    expect(others.length).toBeGreaterThan(16);
  });
});

describe('gradients', () => {
  it('agree with differences in the direction of random parameters', async () => {
    const ids = ints([1, 5, 2, 9, 9, 0, 3, 4], [2, 4]);
    const loss = (p: Gpt2Params): Scalar => {
      const given = gpt2Embed(p, tf.slice(tensor(ids), [0, 0], [2, 3]));
      const { hidden } = gpt2Hidden(p, given, TINY);
      return tf.mean(tokenLosses(p, hidden, tf.slice(tensor(ids), [0, 1], [2, 3])));
    };
    const gradients = flatten<NdArray>(
      (await run((p) => valueAndGrad(loss, p).grads)) as unknown as Record<string, NdArray>,
    );
    const value = engine.compile((_none: object, p: Gpt2Params) => loss(p), {});
    for (const [path, gradient] of Object.entries(gradients)) {
      const { data } = randomArray(createRng(9).fork(path), gradient.shape);
      const direction = data.map((d) => d / Math.hypot(...data));
      const along = async (t: number) => {
        const moved = mapTree<Floats, Floats, typeof params>(params, (leaf, name) =>
          name === path
            ? floats(
                leaf.data.map((w, i) => w + t * direction[i]!),
                leaf.shape,
              )
            : leaf,
        );
        return Number((await value.run(moved)).data[0]);
      };
      const product = direction.reduce((sum, d, i) => sum + d * Number(gradient.data[i]), 0);
      const size = Math.hypot(...numbers(gradient));
      expect(size, path).toBeGreaterThan(1e-3);
      expect(Math.abs(product - (await slope(along))), path).toBeLessThan(1e-3 * size + 2e-5);
    }
  });
});

/** The derivative of `f` at 0 by differences, exact for polynomials of degree 4. */
async function slope(f: (t: number) => Promise<number>, h = 0.02): Promise<number> {
  return (8 * ((await f(h)) - (await f(-h))) - ((await f(2 * h)) - (await f(-2 * h)))) / (12 * h);
}

describe('inputs of another shape', () => {
  it.each([
    [[1, 2, 7], '[1, 2, 7]'],
    [[2, 8], '[2, 8]'],
    [[1, 41, 8], '[1, 41, 8]'],
  ])('refuses %j', async (shape, found) => {
    await expect(run((p) => gpt2Hidden(p, tf.zeros(shape), TINY).hidden)).rejects.toMatchObject({
      code: 'E_SHAPE',
      message: `GPT-2 takes [B, T, 8] with T up to 40, found ${found}`,
    });
  });
});

/** One sequence [1, T, C] through the model, with loops over plain numbers. */
function plainHidden(x: NdArray): number[][] {
  const [C, H] = [TINY.width, TINY.heads];
  const D = C / H;
  type Layer = { weight: Floats; bias: Floats };
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const norm =
    ({ weight, bias }: Layer) =>
    (v: readonly number[]) => {
      const mean = sum(v) / C;
      const deviation = Math.sqrt(sum(v.map((a) => (a - mean) ** 2)) / C + 1e-5);
      return v.map((a, c) => ((a - mean) / deviation) * weight.data[c]! + bias.data[c]!);
    };
  const linear =
    ({ weight, bias }: Layer) =>
    (v: readonly number[]) =>
      Array.from(bias.data, (b, o) => b + sum(v.map((a, i) => a * weight.data[i * bias.data.length + o]!)));
  const gelu = (a: number) => 0.5 * a * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (a + 0.044715 * a ** 3)));
  const add = (a: readonly number[][], b: readonly number[][]) =>
    a.map((row, t) => row.map((value, c) => value + b[t]![c]!));

  const positionsOf = (t: number) => Array.from(params.wpe.weight.data.slice(t * C, (t + 1) * C));
  let y = Array.from({ length: x.shape[1]! }, (_, t) =>
    positionsOf(t).map((value, c) => value + Number(x.data[t * C + c])),
  );
  for (const { ln_1, attn, ln_2, mlp } of params.h) {
    const qkv = y.map(norm(ln_1)).map(linear(attn.c_attn)); // [T, q | k | v] with heads inside of each
    const attended = qkv.map((row, t) =>
      Array.from({ length: C }, (_, c) => {
        const head = Math.floor(c / D) * D;
        const seen = qkv.slice(0, t + 1);
        const dot = (other: readonly number[]) =>
          sum(Array.from({ length: D }, (_, d) => row[head + d]! * other[C + head + d]!));
        const weights = seen.map((other) => Math.exp(dot(other) / Math.sqrt(D)));
        return sum(seen.map((other, i) => weights[i]! * other[2 * C + c]!)) / sum(weights);
      }),
    );
    y = add(y, attended.map(linear(attn.c_proj)));
    const wide = y.map(norm(ln_2)).map(linear(mlp.c_fc));
    y = add(
      y,
      wide.map((row) => linear(mlp.c_proj)(row.map(gelu))),
    );
  }
  return y.map(norm(params.ln_f));
}
