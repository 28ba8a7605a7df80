import { ndarray } from '@pengi/core';
import * as tf from '@tensorflow/tfjs-core';
import { caseList, type KernelCase } from './case.js';

const { add, cases, apart, awayFromZero, bool, int, positive, real } = caseList('elementwise');

export { cases as elementwiseCases };

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
add('relu6 above 6', (x) => tf.relu6(tf.mul(x!, 20)), [
  ndarray('float32', [5], Float32Array.of(-1, 0.1, 0.2, 0.5, 1)),
]);
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
};
for (const [a, b] of BROADCASTS) {
  for (const [name, f] of Object.entries(ARITHMETIC))
    add(`${name} [${a}] [${b}]`, f as KernelCase['fn'], [real(a), positive(b)]);
  add(`maximum, minimum [${a}] [${b}]`, (x, y) => [tf.maximum(x!, y!), tf.minimum(x!, y!)], [
    apart(a),
    apart(b, 0.075),
  ]);
}
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
add('mod', (a, b) => tf.mod(a!, b!), [
  ndarray('float32', [4], Float32Array.of(0.4, 2.5, -0.6, 1.5)),
  ndarray('float32', [1], Float32Array.of(1)),
]);
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
    tf.mul(a!, tf.cast(tf.cast(tf.mul(a!, 2), 'int32'), 'float32')),
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
add(
  'what is constant almost everywhere',
  (a, b) => [
    ...[tf.ceil(a!), tf.floor(a!), tf.round(a!), tf.cast(tf.floorDiv(a!, b!), 'float32')],
    ...[tf.equal(tf.round(a!), tf.round(b!)), tf.notEqual(tf.round(a!), tf.round(b!))],
    ...[tf.greaterEqual(a!, b!), tf.logicalOr(tf.greater(a!, b!), tf.less(a!, -1))],
    ...[tf.isNaN(a!), tf.isInf(a!), tf.isFinite(a!), tf.zerosLike(a!), tf.onesLike(a!)],
    ...[tf.all(tf.greater(a!, b!)), tf.any(tf.greater(a!, b!))],
  ],
  [
    ndarray('float32', [4], Float32Array.of(-1.3, 0.2, 0.7, 2.4)),
    ndarray('float32', [1], Float32Array.of(2)),
  ],
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
