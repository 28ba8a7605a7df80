import { availableParallelism } from 'node:os';
import { dirname, relative, sep } from 'node:path';
import {
  type DTypeArray,
  leaves,
  type NdArray,
  PengiError,
  rebuildTree,
  sizeOf,
  type Tree,
} from '@pengi/core';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { Arrays, CompileOptions, Engine, Program, StepProgram } from '../engine.js';
import { bytesOf, type Value } from '../graph/graph.js';
import { type ConstantPlace, encodeModel } from '../graph/onnx.js';
import { type Trace, trace } from '../graph/trace.js';

type Ort = typeof import('onnxruntime-node');

export interface JitOptions {
  /** Threads inside one operator; default: the number of cores. */
  threads?: number;
}

/**
 * The default engine: functions are recorded once per combination of shapes and run as ONNX graphs on ONNX Runtime.
 * @throws PengiError E_ENGINE when onnxruntime-node cannot be loaded
 */
export async function createJitEngine({
  threads = availableParallelism(),
}: JitOptions = {}): Promise<Engine> {
  const ort = await loadOrt();

  const compile = <Inputs extends unknown[], Output>(
    fn: (weights: never, ...inputs: never[]) => unknown,
    weights: unknown,
    { name = fn.name || 'function', prepack = true }: CompileOptions = {},
  ): Program<Inputs, Output> => {
    const compiled = new Map<string, Promise<Compiled>>();
    const compileFor = async (inputs: unknown[]) => {
      const recorded = trace(fn, weights, inputs);
      return { trace: recorded, session: await createSession(ort, recorded, { threads, prepack, name }) };
    };
    return {
      async run(...inputs) {
        const arrays = new Map(leaves(inputs as unknown as Tree<NdArray>));
        const key = [...arrays].map(([path, a]) => `${path}:${a.dtype}[${a.shape}]`).join(' ');
        let graph = compiled.get(key);
        if (!graph) {
          graph = compileFor(inputs);
          compiled.set(key, graph);
          graph.catch(() => compiled.delete(key)); // a failure is not remembered
        }
        const { trace: recorded, session } = await graph;
        const feeds = recorded.inputs.map(({ path, value }) => [
          value.name,
          ortTensor(ort, arrays.get(path)!),
        ]);
        return resultOf(recorded, await session.run(Object.fromEntries(feeds))) as Arrays<Output>;
      },
      async dispose() {
        const graphs = await Promise.allSettled(compiled.values());
        compiled.clear();
        for (const graph of graphs) if (graph.status === 'fulfilled') await graph.value.session.release();
      },
    };
  };

  return {
    name: 'jit',
    description: `ONNX Runtime ${ort.env.versions.node ?? ort.env.versions.common}, cpu, ${threads} threads`,
    compile: compile as Engine['compile'],
    compileStep<Weights, State, Inputs extends unknown[], Output>(
      fn: (weights: Weights, state: State, ...inputs: Inputs) => { state: State; output: Output },
      weights: Arrays<Weights>,
      initial: Arrays<State>,
      options?: CompileOptions,
    ): StepProgram<State, Inputs, Output> {
      // ONNX Runtime on CPU has no resident state; inputs are not copied, so passing it in costs nothing, and each
      // call gives fresh arrays.
      const program = compile<[State, ...Inputs], { state: State; output: Output }>(fn as never, weights, {
        name: fn.name,
        ...options,
      });
      let state = initial;
      return {
        async run(...inputs) {
          const result = await program.run(...([state, ...inputs] as Parameters<typeof program.run>));
          state = result.state as Arrays<State>;
          return result.output as Arrays<Output>;
        },
        state: async () => state,
        dispose: () => program.dispose(),
      };
    },
  };
}

interface Compiled {
  trace: Trace;
  session: InferenceSession;
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
  { threads, prepack, name }: { threads: number; prepack: boolean; name: string },
): Promise<InferenceSession> {
  const { place, externalData, folder } = placeConstants(recorded.constants);
  const inputs = recorded.inputs.map(({ value }) => value);
  const outputs = recorded.outputs.map(({ value }) => value);
  const model = encodeModel(recorded.nodes, recorded.constants, inputs, outputs, place);
  try {
    return await ort.InferenceSession.create(model, {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      externalData,
      extra: {
        session: {
          ...(folder === undefined ? {} : { model_external_initializers_file_folder_path: folder }),
          ...(prepack ? {} : { disable_prepacking: '1' }),
        },
      },
    });
  } catch (cause) {
    throw new PengiError('E_ENGINE', `ONNX Runtime refuses "${name}": ${(cause as Error).message}`, {
      cause,
    });
  }
}

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
  const regions = constants.flatMap(({ constant }) => constant?.region ?? []);
  const inMemory = constants.filter(({ constant }) => !constant?.region);
  const inlineBytes = inMemory.reduce((sum, { shape }) => sum + sizeOf(shape) * 4, 0);
  const folder = inlineBytes < INLINE_LIMIT ? commonFolder(regions.map(({ path }) => path)) : undefined;

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
      return { location: relative(folder, path), offset, length: sizeOf(shape) * 4 };
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

function ortTensor(ort: Ort, { dtype, data, shape }: NdArray): OrtTensor {
  return new ort.Tensor(dtype, data as Float32Array, shape);
}

function resultOf({ outputs, result }: Trace, values: InferenceSession.OnnxValueMapType): unknown {
  const names = new Map(outputs.map(({ path, value }) => [path, value]));
  return rebuildTree(result, (path): NdArray => {
    const { name, shape, dtype } = names.get(path)!;
    const tensor = values[name] as OrtTensor;
    return { dtype: dtype as NdArray['dtype'], shape, data: tensor.data as DTypeArray[NdArray['dtype']] };
  });
}
