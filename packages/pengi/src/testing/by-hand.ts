/** The language model without cache, batches and padding: what scores and losses are compared with. */
import { floats, type NdArray } from '@pengi/core';
import { type Gpt2Params, gpt2Hidden, gpt2Logits } from '@pengi/gpt2';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { PengiConfig } from '../config.js';
import { numbers, type Params, sum, testEngine } from './models.js';

/** The embeddings [n, C] of token ids, out of the table. */
export function wordVectors(params: Params, ids: readonly number[]): number[] {
  const table = params.caption_decoder.gpt.transformer.wte.weight;
  const C = table.shape[1]!;
  return ids.flatMap((id) => [...table.data.subarray(id * C, (id + 1) * C)]);
}

/** Natural logarithms of the probability of each token of a text after a prefix [n, C]. */
export async function logProbsAfter(
  prefix: NdArray,
  ids: readonly number[],
  params: Params,
  { gpt2 }: PengiConfig,
): Promise<number[]> {
  const program = (await testEngine()).compile(
    (p: Gpt2Params, x: Tensor) => gpt2Logits(p, gpt2Hidden(p, x, gpt2).hidden),
    params.caption_decoder.gpt.transformer,
  );
  const rows = [...numbers(prefix), ...wordVectors(params, ids)];
  const logits = numbers(await program.run(floats(rows, [1, rows.length / gpt2.width, gpt2.width])));
  await program.dispose();
  const V = gpt2.vocabularySize;
  return ids.map((id, j) => {
    const before = prefix.shape[0]! - 1 + j;
    const row = logits.slice(before * V, (before + 1) * V);
    const largest = Math.max(...row);
    return row[id]! - largest - Math.log(sum(row.map((x) => Math.exp(x - largest))));
  });
}
