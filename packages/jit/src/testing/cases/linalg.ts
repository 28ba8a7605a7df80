import * as tf from '@tensorflow/tfjs-core';
import { caseList, type KernelCase } from './case.js';

const { add, cases, int, real } = caseList('linalg');

export { cases as linalgCases };

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
