import * as tf from '@tensorflow/tfjs-core';
import { caseList } from './case.js';

const { add, cases, apart, bool, int, positive, real } = caseList('reduction');

export { cases as reductionCases };

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
  add(`max, min ${label}`, (x) => [tf.max(x!, axis, keep), tf.min(x!, axis, keep)], [apart(shape)]);
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
  [apart([4, 5]), real([5, 2])],
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
