import { type Rng, sizeOf } from '@pengi/core';

/** Initial values for an array of `shape`, row-major. */
export type Initializer = (shape: readonly number[], rng: Rng) => Float32Array;

export const zerosInit: Initializer = (shape) => new Float32Array(sizeOf(shape));

export const onesInit: Initializer = (shape) => new Float32Array(sizeOf(shape)).fill(1);

export function constantInit(value: number): Initializer {
  return (shape) => new Float32Array(sizeOf(shape)).fill(value);
}

/** Normal with mean 0: GPT-2 and CLIP. */
export function normalInit(std: number): Initializer {
  return (shape, rng) => new Float32Array(sizeOf(shape)).map(() => rng.normal() * std);
}

/** Normal, redrawn while outside of [-bound, bound]: torch's `trunc_normal_`, whose bounds are absolute (2), not in std. */
export function truncatedNormalInit(std: number, bound = 2): Initializer {
  return (shape, rng) =>
    new Float32Array(sizeOf(shape)).map(() => {
      let value: number;
      do value = rng.normal() * std;
      while (Math.abs(value) > bound);
      return value;
    });
}

/** Uniform in ±bound. */
export function uniformInit(bound: number): Initializer {
  return (shape, rng) => new Float32Array(sizeOf(shape)).map(() => (rng.uniform() * 2 - 1) * bound);
}

/** Xavier/Glorot uniform for a weight of [out, in, …]. */
export const xavierUniformInit: Initializer = (shape, rng) => {
  const { fanIn, fanOut } = fans(shape);
  return uniformInit(Math.sqrt(6 / (fanIn + fanOut)))(shape, rng);
};

/** Xavier/Glorot normal for a weight of [out, in, …]. */
export const xavierNormalInit: Initializer = (shape, rng) => {
  const { fanIn, fanOut } = fans(shape);
  return normalInit(Math.sqrt(2 / (fanIn + fanOut)))(shape, rng);
};

/** torch's default for Linear and Conv weights of [out, in, …]: Kaiming uniform with a = √5, which is ±1/√fanIn. */
export const torchLinearInit: Initializer = (shape, rng) =>
  uniformInit(1 / Math.sqrt(fans(shape).fanIn))(shape, rng);

function fans(shape: readonly number[]): { fanIn: number; fanOut: number } {
  const [out = 1, ...rest] = shape;
  const kernel = sizeOf(rest.slice(1));
  return { fanIn: (rest[0] ?? 1) * kernel, fanOut: out * kernel };
}
