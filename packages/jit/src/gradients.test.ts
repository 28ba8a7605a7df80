/** The gradient rules of @pengi/nn against central differences, on the engine that computes op by op in JavaScript. */
import { createRng, floats, type NdArray } from '@pengi/core';
import { registerGradients } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { createEngine } from './create.js';
import type { Engine } from './engine.js';
import { trace } from './graph/trace.js';
import { KERNELS } from './kernels/index.js';
import { gradientOf } from './testing/contract.js';
import { DIFFERENTIABLE_CASES, type KernelCase } from './testing/kernel-cases.js';

let cpu: Engine;
beforeAll(async () => {
  cpu = await createEngine('cpu');
});

const STEP = 0.02;
/** Of differences of fourth order: what float32 results leave of them. */
const TOLERANCE = 2e-4;

/** Σ output · weight as `gradientOf` has it, added up in float64. */
async function valueAt(fn: KernelCase['fn'], inputs: NdArray[]): Promise<number> {
  const outputs = await cpu.compile((_w: object, ...x: Tensor[]) => [fn(...x)].flat(), {}).run(...inputs);
  return outputs.reduce(
    (sum, { data }) => sum + Array.from(data, (y, i) => y * Math.sin(i + 1)).reduce((a, b) => a + b, 0),
    0,
  );
}

describe('gradients agree with differences', () => {
  it.each(DIFFERENTIABLE_CASES)('$name', async ({ name, fn, inputs }) => {
    const gradients = await cpu
      .compile((_w: object, ...x: Tensor[]) => gradientOf(fn)(...x), {})
      .run(...inputs);
    for (const [i, input] of inputs.entries()) {
      if (input.dtype !== 'float32') continue;
      // A random direction: an error in any element shows in the derivative along it.
      const rng = createRng(1).fork(name).fork(i);
      const direction = Array.from(input.data, () => (rng.int(2) ? 1 : -1) * (0.5 + rng.uniform()));
      const moved = (by: number) =>
        inputs.with(
          i,
          floats(
            Array.from(input.data, (x, j) => x + by * direction[j]!),
            input.shape,
          ),
        );
      const at = async (steps: number) => valueAt(fn, moved(steps * STEP));
      const numeric = (8 * ((await at(1)) - (await at(-1))) - ((await at(2)) - (await at(-2)))) / (12 * STEP);
      const analytic = direction.reduce((sum, d, j) => sum + d * Number(gradients[i]!.data[j]), 0);
      const scale = Math.max(1, ...Array.from(gradients[i]!.data, Number).map(Math.abs));
      expect(Math.abs(numeric - analytic) / scale).toBeLessThan(TOLERANCE);
    }
  });
});

describe('the table of gradients', () => {
  it('has a case for every rule', () => {
    registerGradients();
    const rules = Object.keys(KERNELS).flatMap((name) => tf.getGradient(name) ?? []);
    const used = new Set<string>();
    const originals = rules.map(({ gradFunc }) => gradFunc);
    for (const rule of rules) {
      const { gradFunc, kernelName } = rule;
      rule.gradFunc = (...call) => {
        used.add(kernelName);
        return gradFunc(...call);
      };
    }
    try {
      for (const { fn, inputs } of DIFFERENTIABLE_CASES)
        trace((_w, ...x) => gradientOf(fn)(...x), {}, inputs);
    } finally {
      for (const [i, rule] of rules.entries()) rule.gradFunc = originals[i]!;
    }
    expect(rules.map((rule) => rule.kernelName).filter((name) => !used.has(name))).toEqual([]);
  });
});
