import { floats, type NdArray } from '@pengi/core';
import { valueAndGrad } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { createEngine } from '../create.js';
import type { Engine, HostCall } from '../engine.js';
import { divideAtHostCall } from '../graph/divide.js';
import { traceHostCall } from '../graph/trace.js';

let jit: Engine;
beforeAll(async () => {
  jit = await createEngine('jit', { threads: 1 });
});

type Weights = { a: Tensor; b: Tensor };
const W = { a: floats([0.5, -1, 2, 0.25, 1, -0.5], [2, 3]), b: floats([1, -2, 0.5], [3, 1]) };
const X = floats([1, 2, -1, 0.5, 0.25, -2, 3, 1], [4, 2]);
const SHAPE = { shape: [4, 3], dtype: 'float32' } as const;

/** The gradient by x of what becomes of hidden values once others are taken from them. */
function gradient(w: Weights, x: Tensor, others: (hidden: Tensor) => Tensor) {
  const { loss, grads } = valueAndGrad((y: Tensor) => {
    const hidden = tf.tanh(tf.matMul(y as tf.Tensor2D, w.a as tf.Tensor2D));
    const apart = tf.square(tf.sub(hidden, others(hidden)));
    return tf.sum(tf.matMul(tf.mul(apart, hidden) as tf.Tensor2D, w.b as tf.Tensor2D)) as tf.Scalar;
  }, x);
  return { loss, grad: grads as Tensor };
}

const interrupted = (w: Weights, hostCall: HostCall<Tensor, Tensor>, x: Tensor) =>
  gradient(w, x, (hidden) => hostCall(hidden, SHAPE));

const compileInterrupted = () => jit.compileWithHostCall!(interrupted, W);

/** What a host could do: each row moves on by one. */
async function rotated({ shape, data }: NdArray): Promise<NdArray> {
  const row = shape[1]!;
  return floats([...data.slice(row), ...data.slice(0, row)].map(Number), [...shape]);
}

describe('a compiled function that calls the host', () => {
  it('gives what it gives where the host made its arrays before', async () => {
    const hidden = jit.compile((w: Weights, x: Tensor) => tf.tanh(tf.matMul(x as never, w.a as never)), W);
    const others = await rotated(await hidden.run(X));
    const whole = jit.compile((w: Weights, x: Tensor, y: Tensor) => gradient(w, x, () => y), W);
    const expected = await whole.run(X, others);
    const program = compileInterrupted();
    const found = await program.run(rotated, X);
    expect(found).toEqual(expected);
    expect(found.grad.data.some((value) => value !== 0)).toBe(true);
  });

  it('is compiled for each combination of shapes, and can be running several times', async () => {
    const program = jit.compileWithHostCall!(
      (_w: Weights, hostCall: HostCall<Tensor, Tensor>, x: Tensor) =>
        tf.add(x, hostCall(tf.mul(x, 2), { shape: [...x.shape], dtype: 'float32' })),
      W,
    );
    const twice = async (array: NdArray) =>
      floats(
        [...array.data].map((v) => 10 * Number(v)),
        [...array.shape],
      );
    const results = await Promise.all([program.run(twice, floats([1, 2])), program.run(twice, floats([3]))]);
    expect(results.map(({ data }) => [...data])).toEqual([[21, 42], [63]]);
    expect(program.graphs).toBe(2);
  });

  it('computes no product twice, and keeps what it takes for that', () => {
    const recorded = traceHostCall(interrupted as never, W, [X]);
    const { first, second } = divideAtHostCall(recorded);
    const products = ({ nodes }: { nodes: readonly { type: string }[] }) =>
      nodes.filter(({ type }) => type === 'MatMul' || type === 'Gemm').length;
    expect(products(recorded)).toBeGreaterThanOrEqual(4); // two, and a gradient of each
    expect([products(first), products(second)].every((count) => count > 0)).toBe(true);
    expect(products(first) + products(second)).toBe(products(recorded));
    // tanh'(x) follows from tanh(x), which the host is given; the product with B's transpose comes from the first graph
    const paths = (values: readonly { path: string }[]) => values.map(({ path }) => path.replace(/_.*/, ''));
    expect(paths(first.outputs)).toEqual(['asked.', 'kept.Gemm']);
    expect(paths(second.inputs)).toEqual(['told.', 'asked.', 'kept.Gemm']);
  });

  it('gives results and passes on inputs that do not depend on the call', async () => {
    const program = jit.compileWithHostCall!(
      (w: Weights, hostCall: HostCall<{ x: Tensor }, { y: Tensor }>, x: Tensor) => {
        const { y } = hostCall({ x }, { y: { shape: [2], dtype: 'float32' } });
        return { x, y, sum: tf.sum(x), a: w.a, both: tf.add(x, y) };
      },
      W,
    );
    const { x, y, sum, a, both } = await program.run(async (asked) => ({ y: asked.x }), floats([1, 2]));
    expect([x, y, both].map(({ data }) => [...data])).toEqual([
      [1, 2],
      [1, 2],
      [2, 4],
    ]);
    expect([...sum.data]).toEqual([3]);
    expect(a).toEqual(W.a);
  });

  it('refuses other arrays than it expects, tells what the host throws, and goes on', async () => {
    const program = compileInterrupted();
    await expect(program.run(async () => floats([1, 2]), X)).rejects.toThrow(
      expect.objectContaining({
        code: 'E_SHAPE',
        message: expect.stringMatching(/host's answer.*expected float32 \[4,3\], found float32 \[2\]/),
      }),
    );
    await expect(program.run(async () => ({}) as never, X)).rejects.toThrow(/found nothing/);
    const lost = async () => {
      throw new Error('rank 1 is gone');
    };
    await expect(program.run(lost, X)).rejects.toThrow('rank 1 is gone');
    expect((await program.run(rotated, X)).loss.shape).toEqual([]);
    await program.dispose();
    await expect(program.run(rotated, X)).rejects.toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  });

  it('calls the host exactly once', async () => {
    const never = jit.compileWithHostCall!(
      (_w: Weights, _hostCall: HostCall<Tensor, Tensor>, x: Tensor) => tf.neg(x),
      W,
    );
    await expect(never.run(rotated, X)).rejects.toThrow(expect.objectContaining({ code: 'E_TRACE' }));
    const twice = jit.compileWithHostCall!(
      (_w: Weights, hostCall: HostCall<Tensor, Tensor>, x: Tensor) =>
        tf.add(hostCall(x, SHAPE), hostCall(x, SHAPE)),
      W,
    );
    await expect(twice.run(rotated, X)).rejects.toThrow(/twice/);
  });
});
