import * as tf from '@tensorflow/tfjs-core';
import { caseList } from './case.js';

const { add, cases, int, real } = caseList('empty');

export { cases as emptyCases };

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
