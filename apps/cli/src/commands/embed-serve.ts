/**
 * `pengi embed --serve`: HEAR's embedding API over lines of JSON, for programs in other languages. The first line that is
 * written says what the model is; then each line that is read is answered by one, in order, until the input ends.
 */
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { readAudio, resample, toMono } from '@pengi/audio-frontend';
import { getSceneEmbeddings, getTimestampEmbeddings, type HearModel } from '@pengi/clap/hear';
import { isPengiError, type NdArray, PengiError, validate } from '@pengi/core';
import { z } from 'zod';

const requestSchema = z
  .object({
    /** Given back in the answer. */
    id: z.union([z.string(), z.number()]).optional(),
    kind: z.enum(['scene', 'timestamps']).default('scene'),
    /** float32, little endian, base64: [n, samples] at the model's rate. */
    audio: z.string().optional(),
    shape: z.tuple([z.int().min(0), z.int().min(0)]).optional(),
    /** In place of `audio`: one file at any rate. */
    file: z.string().optional(),
  })
  .refine(
    ({ audio, shape, file }) =>
      file === undefined ? audio !== undefined && shape !== undefined : audio === undefined,
    {
      message: 'either audio with its shape, or a file',
    },
  );

/** @throws PengiError of the output alone: what is wrong with a request is its answer */
export async function serveEmbeddings(
  model: HearModel,
  input: Readable,
  output: Writable,
  { maxSeconds = 600 }: { maxSeconds?: number } = {},
): Promise<void> {
  const { sampleRate, sceneEmbeddingSize, timestampEmbeddingSize } = model;
  const write = (value: unknown) => void output.write(`${JSON.stringify(value)}\n`);
  write({ ready: true, sampleRate, sceneEmbeddingSize, timestampEmbeddingSize });
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === '') continue;
    let id: unknown;
    try {
      const value: unknown = parsed(line);
      id = (value as { id?: unknown } | null)?.id;
      const request = validate(requestSchema, value);
      const sounds = await soundsOf(request, sampleRate, maxSeconds);
      write({ id, ...(await answer(request.kind, sounds, model)) });
    } catch (error) {
      write({ id, error: isPengiError(error) ? error : { code: 'E_INTERNAL', message: String(error) } });
    }
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new PengiError('E_USAGE', 'a request is one line of JSON', { cause });
  }
}

async function soundsOf(
  { audio, shape, file }: z.infer<typeof requestSchema>,
  sampleRate: number,
  maxSeconds: number,
): Promise<Float32Array[]> {
  if (file !== undefined) {
    const found = await readAudio(file, { maxSeconds });
    return [resample(toMono(found), found.sampleRate, sampleRate)];
  }
  const [n, samples] = shape!;
  const bytes = Buffer.from(audio!, 'base64');
  if (bytes.length !== 4 * n * samples)
    throw new PengiError('E_SHAPE', `${bytes.length} bytes of audio are not [${n}, ${samples}] float32`);
  const values = Float32Array.from({ length: n * samples }, (_, i) => bytes.readFloatLE(4 * i));
  return Array.from({ length: n }, (_, i) => values.subarray(i * samples, (i + 1) * samples));
}

async function answer(kind: 'scene' | 'timestamps', sounds: readonly Float32Array[], model: HearModel) {
  if (kind === 'scene') return { embeddings: encoded(await getSceneEmbeddings(sounds, model)) };
  const { embeddings, timestamps } = await getTimestampEmbeddings(sounds, model);
  return { embeddings: encoded(embeddings), timestamps: encoded(timestamps) };
}

function encoded({ data, shape }: NdArray<'float32'>): { shape: readonly number[]; data: string } {
  const bytes = Buffer.alloc(4 * data.length);
  for (const [i, value] of data.entries()) bytes.writeFloatLE(value, 4 * i);
  return { shape, data: bytes.toString('base64') };
}
