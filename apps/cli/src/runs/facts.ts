/** facts.json of a run folder: what `pengi train` knows of a run besides what decides its numbers. For reports. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSafetensors, toNdArray } from '@pengi/checkpoint';
import { isPengiError, type NdArray } from '@pengi/core';
import { fileError, writeFileAtomic } from '@pengi/core/node';
import type { RunObserver } from '@pengi/train';
import { z } from 'zod';

const factsSchema = z.object({
  /** The config of the run, completed. */
  config: z.record(z.string(), z.unknown()),
  data: z.record(z.string(), z.unknown()),
  environment: z.record(z.string(), z.unknown()),
  /** The samples whose embeddings are in `EMBEDDINGS`, in the order of its rows. */
  clips: z.array(z.object({ id: z.string(), audio: z.string(), prompt: z.string(), target: z.string() })),
});

export type RunFacts = z.infer<typeof factsSchema>;

const FACTS = 'facts.json';

/** Embeddings of the samples at the newest evaluation: "audio" and, where there is a text tower, "text", [N, E] each. */
export const EMBEDDINGS = 'embeddings.safetensors';

/** Writes the facts once the run folder is there. */
export function factsFile(dir: string, facts: RunFacts): RunObserver {
  return { begin: () => writeFileAtomic(join(dir, FACTS), `${JSON.stringify(facts, null, 2)}\n`) };
}

/** undefined where there are none, or none that can be understood. @throws PengiError E_IO */
export async function readFacts(dir: string): Promise<RunFacts | undefined> {
  const path = join(dir, FACTS);
  try {
    return factsSchema.safeParse(JSON.parse(await readFile(path, 'utf8'))).data;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError(error, path, 'read');
  }
}

export interface RunEmbeddings {
  /** Of the evaluation. */
  step: number;
  /** [N, E], of length 1 */
  audio: NdArray;
  text: NdArray | undefined;
}

/** undefined before the first evaluation, and for another number of rows than `count`. */
export async function readEmbeddings(dir: string, count: number): Promise<RunEmbeddings | undefined> {
  try {
    const file = await openSafetensors(join(dir, EMBEDDINGS));
    // Into memory: the file may be replaced by that of a later evaluation.
    const array = (name: string) =>
      file.tensors.has(name) ? toNdArray(file.read(name), name, file.path) : undefined;
    const [audio, text] = [array('audio'), array('text')];
    file.close();
    if (audio?.shape.length !== 2 || audio.shape[0] !== count) return undefined;
    return { step: Number(file.metadata.step), audio, text };
  } catch (error) {
    if (isPengiError(error) && error.code !== 'E_IO') return undefined; // a report does without
    throw error;
  }
}
