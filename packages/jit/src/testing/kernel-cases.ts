/** One or more cases for every kernel that can be recorded: odd shapes, broadcasting, dtypes, scalars. */
import { createRng, type NdArray, ndarray, sizeOf } from '@pengi/core';
import { fold, keysFrom, uniform } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

export interface KernelCase {
  /** What is called; several kernels may be used. */
  name: string;
  fn: (...inputs: Tensor[]) => Tensor | Tensor[];
  inputs: NdArray[];
  /** Whether the function is differentiable in all float inputs at these values. */
  differentiable: boolean;
}

const rng = createRng(20231201);

/** Uniform numbers in [low, high). */
function real(shape: number[], low = -1, high = 1): NdArray {
  const values = Float32Array.from({ length: sizeOf(shape) }, () => low + (high - low) * rng.uniform());
  return ndarray('float32', shape, values);
}

function int(shape: number[], low: number, high: number): NdArray {
  return ndarray(
    'int32',
    shape,
    Int32Array.from({ length: sizeOf(shape) }, () => low + rng.int(high - low)),
  );
}

function bool(shape: number[]): NdArray {
  return ndarray(
    'bool',
    shape,
    Uint8Array.from({ length: sizeOf(shape) }, () => rng.int(2)),
  );
}

const positive = (shape: number[]) => real(shape, 0.3, 2);

/** Both signs, at least 0.2 away from 0: for functions with a kink or pole there. */
function awayFromZero(shape: number[]): NdArray {
  const { data } = real(shape, 0.2, 1.5);
  return ndarray(
    'float32',
    shape,
    (data as Float32Array).map((x) => (rng.int(2) ? x : -x)),
  );
}

const cases: KernelCase[] = [];

function add(name: string, fn: KernelCase['fn'], inputs: NdArray[], differentiable = true): void {
  cases.push({ name, fn, inputs, differentiable });
}

const ODD_SHAPES = [[], [1], [7], [3, 1, 5]];
const BROADCASTS: [number[], number[]][] = [
  [
    [3, 4, 5],
    [4, 5],
  ],
  [[5], [3, 1, 5]],
  [
    [2, 1, 3],
    [1, 4, 1],
  ],
  [[], [2, 3]],
  [[1], [1, 1]],
];

// --- elementwise ------------------------------------------------------------------------------------------------------

const SMOOTH = {
  neg: tf.neg,
  square: tf.square,
  exp: tf.exp,
  expm1: tf.expm1,
  tanh: tf.tanh,
  sigmoid: tf.sigmoid,
  sin: tf.sin,
  cos: tf.cos,
  erf: tf.erf,
  softplus: tf.softplus,
  tan: tf.tan,
  atan: tf.atan,
  sinh: tf.sinh,
  cosh: tf.cosh,
  asinh: tf.asinh,
};
for (const shape of ODD_SHAPES)
  for (const [name, f] of Object.entries(SMOOTH))
    add(`${name} [${shape}]`, f as KernelCase['fn'], [real(shape)]);
const POSITIVE = { log: tf.log, log1p: tf.log1p, sqrt: tf.sqrt, rsqrt: tf.rsqrt, reciprocal: tf.reciprocal };
for (const [name, f] of Object.entries(POSITIVE)) add(name, f as KernelCase['fn'], [positive([3, 1, 5])]);
const KINKED = {
  abs: tf.abs,
  relu: tf.relu,
  relu6: tf.relu6,
  step: tf.step,
  leakyRelu: tf.leakyRelu,
  sign: tf.sign,
  elu: tf.elu,
  selu: tf.selu,
};
for (const [name, f] of Object.entries(KINKED)) add(name, f as KernelCase['fn'], [awayFromZero([4, 5])]);
add('relu6 above 6', (x) => tf.relu6(tf.mul(x!, 20)), [awayFromZero([4, 5])]);
add('step with a slope below 0', (x) => tf.step(x!, 0.5), [awayFromZero([4, 5])], false);
add('asin, acos, atanh', (x) => [tf.asin(x!), tf.acos(x!), tf.atanh(x!)], [real([2, 3], -0.7, 0.7)]);
add('acosh', (x) => tf.acosh(x!), [real([5], 1.5, 3)]);
add('floor, ceil', (x) => [tf.floor(x!), tf.ceil(x!)], [real([4, 5], -3, 3)], false);
add(
  'round halves to even',
  (x) => tf.round(x!),
  [ndarray('float32', [6], Float32Array.of(-2.5, -1.5, 0.5, 1.5, 2.5, 0.7))],
  false,
);
add('clipByValue', (x) => tf.clipByValue(x!, -0.1, 0.1), [awayFromZero([4, 5])]);
add('clipByValue inside', (x) => tf.clipByValue(x!, -2, 2), [real([4, 5])]);
add('clipByValue of int32', (x) => tf.clipByValue(x!, -2, 3), [int([7], -5, 6)], false);
add('prelu', (x, alpha) => tf.prelu(x!, alpha!), [awayFromZero([3, 4]), positive([4])]);
add('relu of int32', (x) => tf.relu(x!), [int([2, 3], -4, 5)], false);

const ARITHMETIC = {
  add: tf.add,
  sub: tf.sub,
  mul: tf.mul,
  div: tf.div,
  squaredDifference: tf.squaredDifference,
  maximum: tf.maximum,
  minimum: tf.minimum,
};
for (const [a, b] of BROADCASTS)
  for (const [name, f] of Object.entries(ARITHMETIC))
    add(`${name} [${a}] [${b}]`, f as KernelCase['fn'], [real(a), positive(b)]);
add('pow', (a, b) => tf.pow(a!, b!), [positive([3, 4, 5]), real([4, 5], 0.3, 3)]);
add('pow with whole exponents of negative numbers', (a) => [tf.pow(a!, 3), tf.pow(a!, 2), tf.pow(a!, 1)], [
  real([3, 4]),
]);
const INTEGER = {
  add: tf.add,
  sub: tf.sub,
  mul: tf.mul,
  maximum: tf.maximum,
  minimum: tf.minimum,
  floorDiv: tf.floorDiv,
  mod: tf.mod,
  squaredDifference: tf.squaredDifference,
};
for (const [name, f] of Object.entries(INTEGER))
  add(
    `${name} of int32`,
    (a, b) => (f as typeof tf.add)(a!, b!),
    [int([3, 7], -9, 10), ndarray('int32', [7], Int32Array.of(-4, -3, -1, 1, 2, 3, 5))],
    false,
  );
// TensorFlow.js' own backends do not agree on the dtype of a floorDiv of floats, only on its values.
add(
  'floorDiv, mod of float32',
  (a, b) => [tf.cast(tf.floorDiv(a!, b!), 'float32'), tf.mod(a!, b!)],
  [real([3, 5], -7, 7), awayFromZero([5])],
  false,
);
add(
  'adding 0, subtracting 0, multiplying with 1, dividing by 1',
  (a) => [tf.add(a!, 0), tf.sub(a!, 0), tf.mul(a!, 1), tf.div(a!, 1), tf.add(tf.zeros([2, 3]), a!)],
  [real([3])],
);
add('addN', (a, b, c) => tf.addN([a!, b!, c!]), [real([2, 3]), real([2, 3]), real([2, 3])]);

const COMPARE = {
  equal: tf.equal,
  notEqual: tf.notEqual,
  less: tf.less,
  lessEqual: tf.lessEqual,
  greater: tf.greater,
  greaterEqual: tf.greaterEqual,
};
for (const [name, f] of Object.entries(COMPARE)) {
  add(`${name} of int32`, f as KernelCase['fn'], [int([3, 1, 5], 0, 3), int([4, 1], 0, 3)], false);
  add(
    `${name} of float32`,
    (a, b) => (f as typeof tf.equal)(tf.round(a!), tf.round(b!)),
    [real([3, 5]), real([5])],
    false,
  );
}
add('mod', (a, b) => tf.mod(a!, b!), [real([3, 4], 0.3, 0.9), positive([4])], false);
add(
  'floorDiv of the smallest integer by -1',
  (a, b) => [tf.floorDiv(a!, b!), tf.mod(a!, b!)],
  [ndarray('int32', [2], Int32Array.of(-2147483648, -7)), ndarray('int32', [1], Int32Array.of(-1))],
  false,
);
add(
  'less, greaterEqual of bool',
  (a, b) => [tf.less(a!, b!), tf.greaterEqual(a!, b!)],
  [bool([3, 4]), bool([4])],
  false,
);
add('equal of bool', (a, b) => tf.equal(a!, b!), [bool([3, 4]), bool([4])], false);
add(
  'logical',
  (a, b) => [tf.logicalAnd(a!, b!), tf.logicalOr(a!, b!), tf.logicalNot(a!), tf.logicalXor(a!, b!)],
  [bool([3, 4]), bool([4])],
  false,
);
add('where', (c, a, b) => tf.where(c!, a!, b!), [bool([3, 4]), real([3, 4]), real([3, 4])]);
add('where with broadcasting', (c, a) => tf.where(c!, a!, tf.scalar(-9)), [bool([4]), real([3, 4])]);
add(
  'where and masks whose conditions depend on the input',
  (a, b) => [
    tf.where(tf.greater(a!, b!), a!, tf.mul(b!, 2)),
    tf.mul(a!, tf.cast(tf.logicalAnd(tf.less(a!, b!), tf.logicalNot(tf.lessEqual(b!, -5))), 'float32')),
    tf.mul(a!, tf.cast(tf.cast(tf.mul(a!, 10), 'int32'), 'float32')),
  ],
  [
    ndarray('float32', [4], Float32Array.of(-0.93, 0.18, 0.57, 1.32)),
    ndarray('float32', [1], Float32Array.of(0.31)),
  ],
);
add(
  'where with a condition of bools',
  (c, a, b) => tf.where(c!, a!, b!),
  [bool([3, 4]), bool([3, 4]), bool([3, 4])],
  false,
);
const special = ndarray(
  'float32',
  [5],
  Float32Array.of(1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0),
);
add('isNaN, isInf, isFinite', (x) => [tf.isNaN(x!), tf.isInf(x!), tf.isFinite(x!)], [special], false);
add(
  'casts of float32',
  (x) => [tf.cast(x!, 'int32'), tf.cast(x!, 'bool'), tf.cast(x!, 'float32')],
  [real([3, 4], -3, 3)],
  false,
);
add('casts of int32', (x) => [tf.cast(x!, 'float32'), tf.cast(x!, 'bool')], [int([3, 4], -2, 3)], false);
add('casts of bool', (x) => [tf.cast(x!, 'float32'), tf.cast(x!, 'int32')], [bool([3, 4])], false);
add('clone', (x) => tf.clone(x!), [real([2, 3])]);

// --- reductions -------------------------------------------------------------------------------------------------------

const AXES: [number[], number | number[] | undefined, boolean][] = [
  [[3, 4, 5], undefined, false],
  [[3, 4, 5], -1, true],
  [[3, 1, 5], [0, 2], false],
  [[7], 0, false],
  [[], undefined, false],
];
for (const [shape, axis, keep] of AXES) {
  const label = `[${shape}] over ${axis ?? 'all'}`;
  add(`sum, mean ${label}`, (x) => [tf.sum(x!, axis, keep), tf.mean(x!, axis, keep)], [real(shape)]);
  add(`max, min ${label}`, (x) => [tf.max(x!, axis, keep), tf.min(x!, axis, keep)], [real(shape)]);
  add(`prod ${label}`, (x) => tf.prod(x!, axis, keep), [positive(shape)], false);
}
add(
  'sum, max, mean of int32',
  (x) => [tf.sum(x!, 1), tf.max(x!, 0), tf.mean(x!, 0)],
  [int([3, 4], -5, 6)],
  false,
);
add('sum of bool', (x) => tf.sum(x!), [bool([3, 4])], false);
add('all, any', (x) => [tf.all(x!, 0), tf.any(x!, 1)], [bool([2, 3])], false);
add(
  'what an argMax picks',
  (x, table) => [
    tf.gather(table!, tf.argMax(x!, 1)),
    tf.mul(x!, tf.cast(tf.oneHot(tf.argMin(x!, 1), 5), 'float32')),
  ],
  [real([4, 5]), real([5, 2])],
);
add('argMax of bool', (x) => tf.argMax(x!, 1), [bool([4, 5])], false);
add('argMax, argMin with ties', (x) => [tf.argMax(x!, 1), tf.argMin(x!, 0)], [int([4, 5], 0, 3)], false);
add('softmax, logSoftmax', (x) => [tf.softmax(x!), tf.logSoftmax(x!)], [real([3, 1, 5], -4, 4)]);
add('logSumExp', (x) => tf.logSumExp(x!, -1), [real([3, 5])]);
for (const [exclusive, reverse] of [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const)
  add(`cumsum exclusive ${exclusive} reverse ${reverse}`, (x) => tf.cumsum(x!, 1, exclusive, reverse), [
    real([2, 4, 3]),
  ]);

// --- movement ---------------------------------------------------------------------------------------------------------

add('reshape', (x) => [tf.reshape(x!, [12, -1]), tf.reshape(x!, [60])], [real([3, 4, 5])]);
add('reshape of one element', (x) => [tf.reshape(x!, []), tf.reshape(x!, [1, 1])], [real([1])]);
add(
  'expandDims, squeeze',
  (x) => [tf.expandDims(x!, 1), tf.expandDims(x!, -1), tf.squeeze(tf.expandDims(x!, 0))],
  [real([3, 4])],
);
add('transpose', (x) => [tf.transpose(x!), tf.transpose(x!, [1, 0, 2])], [real([3, 1, 5])]);
add('slice', (x) => [tf.slice(x!, [0, 1, 2], [2, -1, 2]), tf.slice(x!, 1, 1), tf.slice(x!, [0, 0, 0])], [
  real([3, 4, 5]),
]);
add(
  'stridedSlice',
  (x) => [
    tf.stridedSlice(x!, [0, 3, 0], [3, 0, 5], [2, -1, 2]),
    tf.stridedSlice(x!, [2, 3, 4], [-4, -5, 1], [-1, -2, -1]),
  ],
  [real([3, 4, 5])],
  false,
);
add('concat', (a, b) => [tf.concat([a!, b!], 1), tf.concat([a!, a!], -1)], [
  real([3, 2, 5]),
  real([3, 4, 5]),
]);
add('concat with an empty part', (a) => tf.concat([tf.zeros([0, 4]), a!], 0), [real([3, 4])], false);
add('stack, unstack', (a, b) => [tf.stack([a!, b!], 1), tf.stack([a!, b!], -1), tf.addN(tf.unstack(a!, 0))], [
  real([2, 3]),
  real([2, 3]),
]);
add('split', (x) => [...tf.split(x!, [1, 3], 1), ...tf.split(x!, 5, -1)], [real([3, 4, 5])]);
add(
  'pad',
  (x) => [
    tf.pad(x!, [
      [1, 0],
      [0, 2],
    ]),
    tf.pad(
      x!,
      [
        [0, 1],
        [1, 1],
      ],
      -3,
    ),
  ],
  [real([3, 4])],
);
add(
  'mirrorPad',
  (x) =>
    tf.mirrorPad(
      x!,
      [
        [1, 0],
        [0, 2],
      ],
      'reflect',
    ),
  [real([3, 4])],
  false,
);
add('pad of bool', (x) => tf.pad(x!, [[1, 2]]), [bool([4])], false);
add('tile', (x) => [tf.tile(x!, [2, 1, 3]), tf.tile(x!, [1, 4, 1])], [real([3, 1, 5])]);
add('broadcastTo', (x) => [tf.broadcastTo(x!, [2, 3, 4]), tf.broadcastTo(x!, [3, 4])], [real([3, 1])]);
add('reverse', (x) => [tf.reverse(x!, [0, 2]), tf.reverse(x!, -1)], [real([3, 2, 5])]);

// --- products ---------------------------------------------------------------------------------------------------------

for (const [ta, tb] of [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const) {
  const a = (...lead: number[]) => real(ta ? [...lead, 4, 3] : [...lead, 3, 4]);
  const b = (...lead: number[]) => real(tb ? [...lead, 5, 4] : [...lead, 4, 5]);
  const f: KernelCase['fn'] = (x, y) => tf.matMul(x!, y!, ta, tb);
  add(`matMul ${ta} ${tb}`, f, [a(), b()]);
  add(`matMul ${ta} ${tb} in batches`, f, [a(2, 3), b(2, 3)]);
  // Broadcasting both sides is wrong in TensorFlow.js' cpu backend, so models must not rely on it.
  add(`matMul ${ta} ${tb} with a broadcast batch`, f, [a(2, 3), b(1, 3)]);
}
add(
  'matMul of int32',
  (a, b) => [tf.matMul(a!, b!), tf.matMul(a!, b!, true, true)],
  [int([3, 3], -5, 6), int([3, 3], -5, 6)],
  false,
);
add('matMul of one row', (a, b) => tf.matMul(a!, b!), [real([1, 7]), real([7, 1])]);
add(
  'fused matMul',
  (a, b, bias) => [
    tf.fused.matMul({ a: a!, b: b!, bias: bias!, activation: 'relu' }),
    tf.fused.matMul({ a: a!, b: b!, bias: bias! }),
  ],
  [real([3, 4]), real([4, 5]), real([5])],
  false,
);
const CONVOLUTIONS: [string, number | [number, number], 'same' | 'valid' | number, number[], number[]][] = [
  ['same', 1, 'same', [2, 7, 8, 3], [3, 3, 3, 4]],
  ['same with stride 2', 2, 'same', [2, 7, 8, 3], [3, 3, 3, 4]],
  ['valid with strides 2 and 1', [2, 1], 'valid', [2, 7, 8, 3], [3, 2, 3, 4]],
  ['padded', 1, 1, [1, 4, 5, 2], [3, 3, 2, 1]],
  ['patches', 4, 'valid', [1, 8, 8, 1], [4, 4, 1, 6]],
  ['patches that leave a rest', 3, 'valid', [1, 8, 7, 1], [3, 3, 1, 2]],
  ['of a row', [1, 2], 'same', [1, 1, 9, 2], [1, 3, 2, 2]],
];
add(
  'conv2d whose last window reaches beyond the image',
  (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, 0, 'NHWC', 1, 'ceil'),
  [real([1, 6, 6, 2]), real([3, 3, 2, 3])],
);
add(
  'conv2d with dilations',
  (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same', 'NHWC', [2, 1]),
  [real([1, 5, 6, 2]), real([3, 2, 2, 3])],
  false,
);
add(
  'conv2dTranspose',
  (x, w) => tf.conv2dTranspose(x as tf.Tensor4D, w as tf.Tensor4D, [1, 7, 8, 3], 2, 'same'),
  [real([1, 4, 4, 2]), real([3, 3, 3, 2])],
);
for (const [name, strides, padding, x, w] of CONVOLUTIONS)
  add(`conv2d ${name}`, (a, b) => tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, strides, padding), [
    real(x),
    real(w),
  ]);

// --- indexing ---------------------------------------------------------------------------------------------------------

const indices = () => ndarray('int32', [2, 3], Int32Array.of(2, 0, 2, 2, 1, 0));
add('gather', (x, i) => [tf.gather(x!, i!), tf.gather(x!, i!, 1), tf.gather(x!, tf.reshape(i!, [6]), -1)], [
  real([3, 4, 5]),
  indices(),
]);
add('gather of int32', (x, i) => tf.gather(x!, i!), [int([3, 2], 0, 9), indices()], false);
add('gatherND', (x, i) => tf.gatherND(x!, i!), [
  real([3, 4, 5]),
  ndarray('int32', [3, 2], Int32Array.of(0, 1, 2, 2, 0, 1)),
]);
add('scatterND with repeats', (x, i) => tf.scatterND(i!, x!, [5, 4]), [
  real([3, 4]),
  ndarray('int32', [3, 1], Int32Array.of(1, 1, 0)),
]);
add('unsortedSegmentSum', (x, i) => tf.unsortedSegmentSum(x!, i as tf.Tensor1D, 4), [
  real([3, 2]),
  ndarray('int32', [3], Int32Array.of(1, 0, 1)),
]);
add('oneHot', (i) => [tf.oneHot(i!, 4), tf.oneHot(i!, 4, 2, -1)], [indices()], false);
add(
  'topk',
  (x) => {
    const { values, indices: at } = tf.topk(x!, 3);
    return [values, at];
  },
  [real([3, 5])],
  false,
);
add('topk with ties', (x) => tf.topk(x!, 4).indices, [int([2, 6], 0, 3)], false);
add(
  'range, linspace, fill, zeros, ones',
  (x) => [
    tf.add(tf.range(0, 5), x!),
    tf.range(5, 0, -2),
    tf.linspace(-1, 2, 7),
    tf.linspace(3, 4, 1),
    tf.mul(tf.fill([4, 5], 3), x!),
    tf.zerosLike(x!),
    tf.onesLike(x!),
    tf.range(0, 4, 1, 'int32'),
  ],
  [real([5])],
  false,
);
// What has no elements, and what is made of it.
const empty = () => real([0, 3]);
add(
  'elementwise on nothing',
  (x, y) => [
    tf.exp(x!),
    tf.add(x!, y!),
    tf.softmax(x!),
    tf.cast(x!, 'int32'),
    tf.where(tf.less(x!, 0), x!, y!),
  ],
  [empty(), real([3])],
  false,
);
add(
  'moving nothing',
  (x, y) => [
    tf.reshape(x!, [3, 0]),
    tf.transpose(x!),
    tf.stack([x!, x!], 1),
    tf.concat([x!, x!], 1),
    tf.concat([x!, y!], 0),
    tf.slice(y!, [0, 1], [0, 2]),
    tf.tile(y!, [0, 2]),
    tf.reverse(x!, 1),
    tf.pad(x!, [
      [1, 1],
      [0, 0],
    ]),
  ],
  [empty(), real([2, 3])],
);
add('reducing nothing', (x) => [tf.sum(x!, 0), tf.sum(x!), tf.mean(x!, 1), tf.prod(x!, 0)], [empty()], false);
add('sums of nothing', (x) => [tf.sum(x!, 0), tf.sum(x!)], [empty()]);
add('matMul over nothing', (a, b) => tf.matMul(a!, b!), [real([2, 0]), real([0, 3])]);
add('topk of nothing', (x) => [tf.topk(x!, 2).values, tf.topk(x!, 2).indices], [empty()], false);
add(
  'gathering nothing',
  (x, i) => [tf.gather(x!, i!), tf.oneHot(i!, 4)],
  [real([4, 3]), int([0], 0, 1)],
  false,
);
add(
  'hash uniform',
  (seeds) => uniform(fold(keysFrom(seeds!), 'site'), [3, 5]),
  [int([4], -1000, 1000)],
  false,
);

export const KERNEL_CASES: readonly KernelCase[] = cases;

export const DIFFERENTIABLE_CASES = KERNEL_CASES.filter(({ differentiable }) => differentiable);
