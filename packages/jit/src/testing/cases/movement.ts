import * as tf from '@tensorflow/tfjs-core';
import { caseList } from './case.js';

const { add, cases, bool, real } = caseList('movement');

export { cases as movementCases };

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
