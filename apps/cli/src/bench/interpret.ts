import { floats, PengiError } from '@pengi/core';
import { loadPengi } from 'pengi';
import type { Context } from '../context.js';

export interface Interpretation {
  readonly file: string;
  /** What the model says. */
  readonly answer: string;
  /** The nearest token to each vector of the audio's half of the prefix, and of the prompt's. */
  readonly audio: readonly string[];
  readonly prompt: readonly string[];
}

/** Rows of the vocabulary that are read at once. */
const PIECE = 4096;

/**
 * The paper's appendix B: each vector of the prefix as the token of the language model's vocabulary whose embedding has the
 * largest cosine with it.
 * @throws PengiError as `loadPengi`
 */
export async function interpret(
  context: Context,
  folder: string,
  files: readonly string[],
  prompt: string,
): Promise<Interpretation[]> {
  const pengi = await loadPengi(folder, { engine: await context.engine() });
  try {
    const vocabulary = await unitRows(pengi.config.gpt2.vocabularySize, pengi.config.gpt2.width, (ids) =>
      pengi.gpt2.embed(ids),
    );
    const found: Interpretation[] = [];
    for (const file of files) {
      const [answer] = await pengi.generate([file], { prompt });
      const audio = await pengi.embedAudio([file]);
      const { prefixes } = await pengi.prefixes(floats(audio.data, audio.shape), [prompt]);
      const [prefix] = prefixes;
      if (!prefix || !answer) throw new PengiError('E_INTERNAL', 'the model gave no prefix', { file });
      const tokens = nearestRows(prefix.data as Float32Array, vocabulary, pengi.config.gpt2.width).map((id) =>
        pengi.tokenizer.decode([id]).trim(),
      );
      const length = pengi.config.audioMapper.prefixLength;
      found.push({ file, answer: answer.text, audio: tokens.slice(0, length), prompt: tokens.slice(length) });
    }
    return found;
  } finally {
    await pengi.dispose();
  }
}

/** The embeddings of all tokens, each of length 1. */
async function unitRows(
  count: number,
  width: number,
  embed: (ids: number[]) => Promise<{ data: ArrayLike<number> }>,
): Promise<Float32Array> {
  const rows = new Float32Array(count * width);
  for (let start = 0; start < count; start += PIECE) {
    const ids = Array.from({ length: Math.min(PIECE, count - start) }, (_, i) => start + i);
    const { data } = await embed(ids);
    ids.forEach((id, i) => {
      let squares = 0;
      for (let j = 0; j < width; j++) squares += (data[i * width + j] as number) ** 2;
      const scale = squares === 0 ? 0 : 1 / Math.sqrt(squares);
      for (let j = 0; j < width; j++) rows[id * width + j] = (data[i * width + j] as number) * scale;
    });
  }
  return rows;
}

/** For each vector the row with the largest cosine; a vector's own length does not matter for that. */
function nearestRows(vectors: Float32Array, rows: Float32Array, width: number): number[] {
  return Array.from({ length: vectors.length / width }, (_, v) => {
    let [best, most] = [0, Number.NEGATIVE_INFINITY];
    for (let r = 0; r < rows.length / width; r++) {
      let dot = 0;
      for (let j = 0; j < width; j++) dot += vectors[v * width + j]! * rows[r * width + j]!;
      if (dot > most) [best, most] = [r, dot];
    }
    return best;
  });
}
