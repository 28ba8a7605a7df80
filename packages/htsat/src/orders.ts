/**
 * Orders of tokens, and moving from one to another. An order says which token of the grid, counted row by row, is at each
 * place. A gather of whole rows does what would take several reshapes, transposes, splits and joins.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

export function rasterOrder(side: number): Int32Array {
  return Int32Array.from({ length: side * side }, (_, i) => i);
}

/** Window by window, each row by row, after the grid was rolled by -shift along both sides. */
export function windowOrder(side: number, window: number, shift: number): Int32Array {
  const perSide = side / window;
  return Int32Array.from({ length: side * side }, (_, i) => {
    const [w, t] = [Math.floor(i / window ** 2), i % window ** 2];
    const row = Math.floor(w / perSide) * window + Math.floor(t / window);
    const column = (w % perSide) * window + (t % window);
    return ((row + shift) % side) * side + ((column + shift) % side);
  });
}

/** Two by two: four neighbours one after the other, in the order (0,0), (1,0), (0,1), (1,1) of (row, column). */
export function mergeOrder(side: number): Int32Array {
  const half = side / 2;
  return Int32Array.from({ length: side * side }, (_, i) => {
    const [group, n] = [i >> 2, i & 3];
    return (2 * Math.floor(group / half) + (n & 1)) * side + 2 * (group % half) + (n >> 1);
  });
}

/** Where in the order `from` is what shall be at each place in the order `to`. */
export function placesOf(to: Int32Array, from: Int32Array): Int32Array {
  const place = inverse(from);
  return to.map((token) => place[token]!);
}

/** Where in an array of `shape`, row by row, is what is at each place once its axes are in the order `axes`. */
export function transposedPlaces(shape: readonly number[], axes: readonly number[]): Int32Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  let places = [0];
  for (const axis of axes)
    places = places.flatMap((start) =>
      Array.from({ length: shape[axis]! }, (_, i) => start + i * strides[axis]!),
    );
  return Int32Array.from(places);
}

/** x [B, n, C] with row `places[i]` at row i; each row occurs once. */
export function permuted(x: Tensor, places: Int32Array): Tensor {
  if (places.every((place, i) => place === i)) return x;
  const move = (y: Tensor, to: Int32Array) => tf.gather(y, tf.tensor1d(to, 'int32'), 1);
  // The gradient of a gather is a sum at each place; here each has one, so that it is a gather, too.
  return tf.customGrad((y) => ({
    value: move(y as Tensor, places),
    gradFunc: (dy: Tensor) => move(dy, inverse(places)),
  }))(x);
}

/** The permutation back. */
function inverse(places: Int32Array): Int32Array {
  const back = new Int32Array(places.length);
  for (const [i, place] of places.entries()) back[place] = i;
  return back;
}
