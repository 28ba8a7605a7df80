import { ndarray } from '@pengi/core';
import * as tf from '@tensorflow/tfjs-core';
import { caseList } from './case.js';

const { add, cases, int, real } = caseList('indexing');

export { cases as indexingCases };

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
