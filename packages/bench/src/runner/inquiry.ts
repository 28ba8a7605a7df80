/** What a task asks a predictor: questions about clips, and comparisons of texts. Each answer is kept by itself. */
import { PengiError, printable } from '@pengi/core';
import { cosineSimilarities } from '@pengi/metrics';
import type { Clip, Predictor, PredictorMethod } from '../predictor.js';
import type { Json } from '../task.js';

/** A question about clips. Tasks that ask the same of the same recording share its answer. */
export type Inquiry =
  | { readonly method: 'generate' }
  | { readonly method: 'scoreLabels'; readonly labels: readonly string[] }
  | { readonly method: 'zeroShot'; readonly labels: readonly string[] }
  | { readonly method: 'embedAudio' };

/**
 * One answer for each clip: a text, a score for each label, or an embedding in base64.
 * @param prompts one for each clip; all equal unless the predictor has `generateEach`
 * @throws PengiError E_USAGE when the predictor lacks the method, E_SHAPE when it returns too few or too many answers or
 * something else than text, E_NONFINITE when a score is no number
 */
export async function askClips(
  predictor: Predictor,
  inquiry: Inquiry,
  clips: readonly Clip[],
  prompts: readonly string[],
): Promise<Json[]> {
  const { method } = inquiry;
  const prompt = prompts[0] ?? '';
  switch (method) {
    case 'generate': {
      const texts = predictor.generateEach
        ? await predictor.generateEach(clips, prompts)
        : await methodOf(predictor, method).call(predictor, clips, prompt);
      return counted(predictor, method, texts, clips.length).map((text) => {
        if (typeof text === 'string') return text;
        throw new PengiError(
          'E_SHAPE',
          `${blame(predictor, method)} gave ${typeof text} where text is expected`,
        );
      });
    }
    case 'scoreLabels': {
      const rows = await methodOf(predictor, method).call(predictor, clips, inquiry.labels, prompt);
      return scoreRows(predictor, method, rows, clips.length, inquiry.labels.length);
    }
    case 'zeroShot': {
      const { labels } = inquiry;
      const rows = predictor.zeroShot
        ? await predictor.zeroShot(clips, labels)
        : cosineSimilarities(
            await askEmbeddings(predictor, 'embedAudio', clips),
            await labelEmbeddings(predictor, labels),
          ).map((row) => [...row]);
      return scoreRows(predictor, method, rows, clips.length, labels.length);
    }
    case 'embedAudio':
      return (await askEmbeddings(predictor, method, clips)).map(toBase64);
  }
}

/** By predictor and list of labels: every batch is compared with the same ones. */
const known = new WeakMap<Predictor, WeakMap<readonly string[], Promise<Float32Array[]>>>();

function labelEmbeddings(predictor: Predictor, labels: readonly string[]): Promise<Float32Array[]> {
  const lists = known.get(predictor) ?? new WeakMap<readonly string[], Promise<Float32Array[]>>();
  known.set(predictor, lists);
  const found = lists.get(labels) ?? embedTexts(predictor, labels);
  lists.set(labels, found);
  return found;
}

/** Embeddings of texts, which have to be of one length. */
export async function embedTexts(predictor: Predictor, texts: readonly string[]): Promise<Float32Array[]> {
  const rows = await methodOf(predictor, 'embedText').call(predictor, texts);
  return vectors(predictor, 'embedText', rows, texts.length);
}

async function askEmbeddings(predictor: Predictor, method: 'embedAudio', clips: readonly Clip[]) {
  return vectors(predictor, method, await methodOf(predictor, method).call(predictor, clips), clips.length);
}

/** @throws PengiError E_USAGE that names the model and what it lacks */
function methodOf<M extends PredictorMethod>(predictor: Predictor, method: M): NonNullable<Predictor[M]> {
  const found = predictor[method];
  if (found) return found as NonNullable<Predictor[M]>;
  throw new PengiError('E_USAGE', `${printable(predictor.name)} cannot ${method}`);
}

function blame(predictor: Predictor, method: PredictorMethod): string {
  return `${printable(predictor.name)}, asked to ${method},`;
}

function counted<T>(predictor: Predictor, method: PredictorMethod, values: readonly T[], wanted: number) {
  if (values.length === wanted) return values;
  throw new PengiError(
    'E_SHAPE',
    `${blame(predictor, method)} gave ${values.length} answers where ${wanted} are expected`,
  );
}

function scoreRows(
  predictor: Predictor,
  method: PredictorMethod,
  rows: readonly (readonly number[])[],
  clips: number,
  labels: number,
): number[][] {
  return counted(predictor, method, rows, clips).map((row) => {
    if (!counted(predictor, method, row, labels).every(Number.isFinite))
      throw new PengiError('E_NONFINITE', `${blame(predictor, method)} gave scores that are no numbers`);
    return [...row];
  });
}

function vectors(
  predictor: Predictor,
  method: PredictorMethod,
  rows: readonly Float32Array[],
  wanted: number,
): Float32Array[] {
  const width = rows[0]?.length ?? 0;
  return counted(predictor, method, rows, wanted).map((row) => {
    if (row.length === width && row.every(Number.isFinite)) return row;
    throw new PengiError(
      'E_NONFINITE',
      `${blame(predictor, method)} gave embeddings that cannot be compared`,
    );
  });
}

/** The numbers of an embedding as they are, in a quarter of the room that their digits take. */
export function toBase64(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}

export function fromBase64(text: string): Float32Array {
  const bytes = Buffer.from(text, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
