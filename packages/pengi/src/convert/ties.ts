import { createHash } from 'node:crypto';
import type { PthTensorInfo, TensorInfo, TensorSource } from '@pengi/checkpoint';
import { PengiError } from '@pengi/core';

const OUTPUT = 'lm_head.weight';
const EMBEDDINGS = ['transformer.wte.weight', 'wte.weight'];

/**
 * GPT-2's output layer is its embedding: one matrix, which is written once. A file that holds two different ones was made
 * by a model that is not GPT-2's, and dropping one of them would change what it says.
 * @returns the file's names that are one matrix, `[output layer, embedding]`; null when it holds one of them at most
 * @throws PengiError E_WEIGHTS when they differ
 */
export function checkTie(source: TensorSource, file: string): readonly [string, string] | null {
  const output = [...source.tensors.keys()].find((name) => name.endsWith(OUTPUT));
  if (output === undefined) return null;
  const prefix = output.slice(0, -OUTPUT.length);
  const embedding = EMBEDDINGS.map((name) => prefix + name).find((name) => source.tensors.has(name));
  if (embedding === undefined) return null;
  if (!sameView(source, output, embedding) && !sameValues(source, output, embedding))
    throw new PengiError('E_WEIGHTS', `${output} is not ${embedding}: their values differ`, {
      file,
      hint: "GPT-2's output layer is its embedding; a model with two matrices cannot be loaded here",
    });
  return [output, embedding];
}

/** Whether both are the same view of the same bytes, as a PyTorch file says. */
function sameView(source: TensorSource, a: string, b: string): boolean {
  const [one, other] = [a, b].map((name) => source.tensors.get(name) as TensorInfo & Partial<PthTensorInfo>);
  return (
    one?.storage !== undefined &&
    one.offset !== undefined && // contiguous: then the start says all
    one.offset === other?.offset &&
    one.dtype === other.dtype &&
    one.shape.join() === other.shape.join()
  );
}

/** By their digests, so that one of them is in memory at a time. */
function sameValues(source: TensorSource, a: string, b: string): boolean {
  const [one, other] = [a, b].map((name) => {
    const { dtype, shape, bytes } = source.read(name);
    return `${dtype} [${shape}] ${createHash('sha256').update(bytes).digest('hex')}`;
  });
  return one === other;
}
