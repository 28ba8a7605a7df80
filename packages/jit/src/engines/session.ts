/** Recorded graphs as sessions of ONNX Runtime. Node only. */
import { type BigIntStats, realpathSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, relative, sep } from 'node:path';
import { leaves, type NdArray, PengiError, sizeOf, type Tree } from '@pengi/core';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { bytesOf, sameShape, type Value } from '../graph/graph.js';
import { type ConstantPlace, encodeModel, joinPieces } from '../graph/onnx.js';
import type { Trace } from '../graph/trace.js';

type Ort = typeof import('onnxruntime-node');

export interface SessionOptions {
  name: string;
  prepack: boolean;
}

/** A recorded graph that runs. */
export interface GraphSession {
  /** @param inputs by the paths of the trace's inputs; gives arrays by the paths of its outputs */
  run(inputs: ReadonlyMap<string, NdArray>): Promise<Map<string, NdArray>>;
  release(): Promise<void>;
}

export interface Runtime {
  readonly description: string;
  /** @throws PengiError E_ENGINE when ONNX Runtime does not take the graph */
  open(recorded: Trace, options: SessionOptions): Promise<GraphSession>;
}

/**
 * @param spinning whether threads without work wait busily
 * @throws PengiError E_ENGINE when onnxruntime-node cannot be loaded
 */
export async function openRuntime(
  threads = availableParallelism(),
  spinning = threads <= availableParallelism(),
): Promise<Runtime> {
  const ort = await loadOrt();
  return {
    description: `ONNX Runtime ${ort.env.versions.node ?? ort.env.versions.common}, cpu, ${threads} threads${spinning ? '' : ' that do not spin'}`,
    async open(recorded, { name, prepack }) {
      const session = await createSession(ort, recorded, { threads, spinning, prepack, name });
      return {
        run: (inputs) => runSession(ort, session, recorded, inputs, name),
        release: () => session.release(),
      };
    },
  };
}

async function loadOrt(): Promise<Ort> {
  try {
    const module = (await import('onnxruntime-node')) as Ort & { default?: Ort };
    return module.default ?? module;
  } catch (cause) {
    throw new PengiError('E_ENGINE', 'onnxruntime-node cannot be loaded on this machine', {
      hint: 'reinstall it, or choose the engine "wasm" or "cpu" (slow)',
      cause,
    });
  }
}

async function createSession(
  ort: Ort,
  recorded: Trace,
  { threads, spinning, prepack, name }: SessionOptions & { threads: number; spinning: boolean },
): Promise<InferenceSession> {
  const { place, externalData, folder } = placeConstants(recorded.constants);
  const inputs = recorded.inputs.map(({ value }) => value);
  const outputs = recorded.outputs.map(({ value }) => value);
  const { nodes, constants } = recorded;
  const model = joinPieces(encodeModel({ nodes, constants, inputs, outputs }, place));
  try {
    return await ort.InferenceSession.create(model, {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 4, // what goes wrong is thrown as well
      externalData,
      extra: {
        session: {
          ...(folder === undefined ? {} : { model_external_initializers_file_folder_path: folder }),
          ...(prepack ? {} : { disable_prepacking: '1' }),
          ...(spinning ? {} : { intra_op: { allow_spinning: '0' } }),
        },
      },
    });
  } catch (cause) {
    throw new PengiError('E_ENGINE', `ONNX Runtime refuses "${name}": ${(cause as Error).message}`, {
      cause,
    });
  }
}

async function runSession(
  ort: Ort,
  session: InferenceSession,
  { inputs, outputs }: Trace,
  arrays: ReadonlyMap<string, NdArray>,
  name: string,
): Promise<Map<string, NdArray>> {
  const feeds = inputs.map(({ path, value }) => [value.name, ortTensor(ort, arrays.get(path)!)]);
  let results: InferenceSession.OnnxValueMapType;
  try {
    results = await session.run(Object.fromEntries(feeds));
  } catch (cause) {
    throw new PengiError('E_ENGINE', `"${name}" failed: ${(cause as Error).message}`, { cause });
  }
  return new Map(
    outputs.map(({ path, value: { name: output, shape, dtype } }) => {
      const { dims, data } = results[output] as OrtTensor;
      if (!sameShape(dims, shape))
        throw new PengiError('E_ENGINE', `"${name}": output ${path} is [${dims}], recorded as [${shape}]`, {
          hint: 'this is a mistake in @pengi/jit: please report it',
        });
      return [path, { dtype, shape, data } as NdArray];
    }),
  );
}

function ortTensor(ort: Ort, { dtype, data, shape }: NdArray): OrtTensor {
  return new ort.Tensor(dtype, data as Float32Array, shape);
}

// --- weights --------------------------------------------------------------------------------------------------------

/** What a model file may hold besides its nodes; protocol buffers end at 2 GiB. */
const INLINE_LIMIT = 2 ** 30;

/**
 * Where the large constants lie. Those of files stay there, to be mapped by ONNX Runtime; the others are handed over in
 * memory. ONNX Runtime takes one or the other, so beside mapped files the rest is part of the model; where that would
 * be too much, everything is read into memory.
 */
function placeConstants(constants: readonly Value[]): {
  place: (value: Value) => ConstantPlace | undefined;
  externalData: { path: string; data: Uint8Array }[];
  folder: string | undefined;
} {
  const externalData: { path: string; data: Uint8Array }[] = [];
  const paths = constants.flatMap(({ constant }) => constant?.region?.path ?? []);
  // ONNX Runtime follows no link that leads out of the folder, and model hubs' caches consist of such links.
  const real = new Map([...new Set(paths)].map((path) => [path, realpathSync(path)]));
  const inMemory = constants.filter(({ constant }) => !constant?.region);
  const inlineBytes = inMemory.reduce((sum, { shape }) => sum + sizeOf(shape) * 4, 0);
  const folder = inlineBytes < INLINE_LIMIT ? commonFolder([...real.values()]) : undefined;

  return {
    externalData,
    folder,
    place({ name, shape, constant }) {
      if (folder === undefined) {
        const data = bytesOf(constant!.data);
        externalData.push({ path: name, data });
        return { location: name, offset: 0, length: data.length };
      }
      if (!constant!.region) return undefined;
      const { path, offset } = constant!.region;
      return { location: relative(folder, real.get(path)!), offset, length: sizeOf(shape) * 4 };
    },
  };
}

/** The deepest folder that holds all files; undefined when there is none (other drives) or there are no files. */
function commonFolder(paths: readonly string[]): string | undefined {
  if (paths.length === 0) return undefined;
  const folders = [...new Set(paths.map((path) => dirname(path)))].map((folder) => folder.split(sep));
  const [first, ...others] = folders;
  let depth = first!.length;
  for (const other of others)
    while (first!.slice(0, depth).join(sep) !== other.slice(0, depth).join(sep)) depth--;
  return depth === 0 ? undefined : first!.slice(0, depth).join(sep) || sep;
}

/**
 * Remembers the files behind `weights` and returns a check that they are still the same: graphs of further shapes are
 * made later, and must not have other weights than the first.
 */
export function watchFiles(weights: unknown): () => void {
  const paths = leaves(weights as Tree<NdArray>).flatMap(([, { region }]) => region?.path ?? []);
  const known = new Map([...new Set(paths)].map((path) => [path, identity(path)]));
  return () => {
    for (const [path, former] of known) {
      if (former !== 'none' && identity(path) === former) continue;
      throw new PengiError('E_IO', 'the weights have changed since they were opened', {
        file: path,
        hint: 'load the model again',
      });
    }
  };
}

function identity(path: string): string {
  const found: BigIntStats | undefined = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found ? [found.dev, found.ino, found.size, found.mtimeNs].join() : 'none';
}
