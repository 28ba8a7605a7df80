/** Embeddings in host memory, one per row: unit length, cosines, retrieval. No engine is needed. */
import { floats, type NdArray, PengiError } from '@pengi/core';

/**
 * The rows of [N, E] divided by their lengths.
 * @throws PengiError E_SHAPE for another rank, E_NONFINITE for a row without direction (zeros, or what is no number)
 */
export function normalized(embeddings: NdArray): NdArray<'float32'> {
  const [rows, width] = matrixShape(embeddings);
  const result = Float32Array.from(embeddings.data);
  for (let i = 0; i < rows; i++) {
    const row = result.subarray(i * width, (i + 1) * width);
    const length = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
    if (!(length > 0 && length < Number.POSITIVE_INFINITY))
      throw new PengiError('E_NONFINITE', `embedding ${i + 1} of ${rows} has the length ${length}`);
    for (let j = 0; j < width; j++) row[j]! /= length;
  }
  return floats(result, [rows, width]);
}

/**
 * Cosines [A, B] of each row of a [A, E] with each row of b [B, E].
 * @throws PengiError E_SHAPE, E_NONFINITE
 */
export function cosines(a: NdArray, b: NdArray): NdArray<'float32'> {
  const rowOf = comparison(a, b);
  const [A, B] = [a.shape[0]!, b.shape[0]!];
  const result = new Float32Array(A * B);
  for (let i = 0; i < A; i++) result.set(rowOf(i), i * B);
  return floats(result, [A, B]);
}

/** One of the items that were searched. */
export interface Neighbour {
  /** Row of the items. */
  index: number;
  cosine: number;
}

/**
 * Retrieval: for each query the k items of largest cosine, the best first and of equals the earlier one; all items where
 * k is larger. Text finds audio, audio finds text or audio: whatever was embedded by one model.
 * @param queries [Q, E], of any length
 * @param items [N, E], of any length
 * @throws PengiError E_USAGE for a k that is no whole number of at least 1, E_SHAPE, E_NONFINITE
 */
export function nearest(queries: NdArray, items: NdArray, k: number): Neighbour[][] {
  if (!(Number.isInteger(k) && k >= 1))
    throw new PengiError('E_USAGE', `k must be a whole number of at least 1, found ${k}`);
  const rowOf = comparison(queries, items);
  return Array.from({ length: queries.shape[0]! }, (_, query) =>
    rowOf(query)
      .map((cosine, index) => ({ index, cosine }))
      .sort((a, b) => b.cosine - a.cosine) // stable
      .slice(0, k),
  );
}

/** The cosines of row i of a with all rows of b; in double precision, so that rounding makes no ties. */
function comparison(a: NdArray, b: NdArray): (i: number) => number[] {
  const [, E] = matrixShape(a);
  const [B, other] = matrixShape(b);
  if (E !== other)
    throw new PengiError('E_SHAPE', `embeddings of ${E} and of ${other} channels cannot be compared`, {
      hint: 'compare embeddings of one model',
    });
  const [x, y] = [normalized(a).data, normalized(b).data];
  const cosine = (i: number, j: number) => {
    let dot = 0;
    for (let e = 0; e < E; e++) dot += x[i * E + e]! * y[j * E + e]!;
    return dot;
  };
  return (i) => Array.from({ length: B }, (_, j) => cosine(i, j));
}

function matrixShape({ shape }: NdArray): [rows: number, width: number] {
  if (shape.length !== 2) throw new PengiError('E_SHAPE', `embeddings are [N, E], found [${shape}]`);
  return shape as [number, number];
}
