import { type NdArray, PengiError, rebuildTree } from '@pengi/core';
import type { Arrays, CompileOptions, Engine, HostCallProgram, Program, StepProgram } from '../engine.js';
import { ASKED, divideAtHostCall, TOLD } from '../graph/divide.js';
import { sameShape } from '../graph/graph.js';
import { quantizeWeights } from '../graph/quantize.js';
import { type Trace, trace, traceHostCall } from '../graph/trace.js';
import { argumentArrays, assertUsable } from './arguments.js';
import { createCache } from './graph-cache.js';
import type { GraphSession } from './session.js';

export interface JitOptions {
  /** Threads inside one operator; default: the number of cores. */
  threads?: number;
  /**
   * Whether threads without work wait busily, which is quicker where the cores are free and slower where others need them.
   * Default: unless there are more threads than cores.
   */
  spinning?: boolean | undefined;
}

/** How many graphs of a program stay when the caller does not say. */
const KEPT_GRAPHS = 8;

/**
 * The default engine: functions are recorded once per combination of shapes and run as ONNX graphs on ONNX Runtime.
 * @throws PengiError E_ENGINE when onnxruntime-node cannot be loaded
 */
export async function createJitEngine({ threads, spinning }: JitOptions = {}): Promise<Engine> {
  const { openRuntime, watchFiles } = await import('./session.js'); // Node only, so not before it is asked for
  const runtime = await openRuntime(threads, spinning);

  const compile = <Inputs extends unknown[], Output>(
    fn: (weights: never, ...inputs: never[]) => unknown,
    weights: unknown,
    { name = fn.name || 'function', prepack = true, keep, quantize }: CompileOptions = {},
  ): Program<Inputs, Output> => {
    const assertSameFiles = watchFiles(weights);
    const graphs = createGraphs(name, keep, async (inputs) => {
      assertSameFiles();
      const traced = trace(fn, weights, inputs);
      const recorded = quantize === 'int8' ? quantizeWeights(traced) : traced;
      return { result: recorded.result, sessions: [await runtime.open(recorded, { name, prepack })] };
    });
    return {
      get graphs() {
        return graphs.count;
      },
      run: (...inputs) =>
        graphs.use(inputs, async ({ result, sessions: [session] }, arrays) => {
          const outputs = await session!.run(arrays);
          return rebuildTree<Arrays<Output>>(result, (path) => outputs.get(path));
        }),
      dispose: graphs.dispose,
    };
  };

  const compileWithHostCall = <Inputs extends unknown[], Asked, Told, Output>(
    fn: (weights: never, hostCall: never, ...inputs: never[]) => unknown,
    weights: unknown,
    { name = fn.name || 'function', prepack = true, keep }: CompileOptions = {},
  ): HostCallProgram<Inputs, Asked, Told, Output> => {
    const assertSameFiles = watchFiles(weights);
    const graphs = createGraphs(name, keep, async (inputs) => {
      assertSameFiles();
      const recorded = traceHostCall(fn, weights, inputs);
      const divided = divideAtHostCall(recorded);
      const first = await runtime.open(divided.first, { name: `${name}, up to the host's call`, prepack });
      const second = await runtime
        .open(divided.second, { name: `${name}, after the host's call`, prepack })
        .catch(async (error) => {
          await first.release();
          throw error;
        });
      const { askedResult, told, result } = recorded;
      return { askedResult, told, result, sessions: [first, second] };
    });
    return {
      get graphs() {
        return graphs.count;
      },
      run: (host, ...inputs) =>
        graphs.use(inputs, async ({ sessions: [first, second], askedResult, told, result }, arrays) => {
          const found = await first!.run(arrays);
          const answer = await host(rebuildTree(askedResult, (path) => found.get(ASKED + path)));
          const answers = argumentArrays(`the host's answer to ${name}`, answer);
          assertAnswers(name, told, answers);
          const given = [...answers].map(([path, array]) => [TOLD + path, array] as const);
          const outputs = await second!.run(new Map([...arrays, ...found, ...given]));
          return rebuildTree<Arrays<Output>>(result, (path) => outputs.get(path));
        }),
      dispose: graphs.dispose,
    };
  };

  return {
    name: 'jit',
    description: runtime.description,
    memory: 'host',
    compile: compile as Engine['compile'],
    compileWithHostCall: compileWithHostCall as Engine['compileWithHostCall'] & object,
    compileStep<Weights, State, Inputs extends unknown[], Output>(
      fn: (weights: Weights, state: State, ...inputs: Inputs) => { state: State; output: Output },
      weights: Arrays<Weights>,
      initial: Arrays<State>,
      { name = fn.name || 'step', ...options }: CompileOptions = {},
    ): StepProgram<State, Inputs, Output> {
      // ONNX Runtime on CPU has no resident state; inputs are not copied, so passing it in costs nothing, and each
      // call gives fresh arrays.
      const program = compile<[State, ...Inputs], { state: State; output: Output }>(fn as never, weights, {
        ...options,
        name,
      });
      let state = initial;
      let disposed = false;
      let last: Promise<unknown> = Promise.resolve(); // each step starts from the state of the one before
      return {
        get graphs() {
          return program.graphs;
        },
        run(...inputs) {
          const step = last.then(async () => {
            const result = await program.run(...([state, ...inputs] as Parameters<typeof program.run>));
            state = result.state as Arrays<State>;
            return result.output as Arrays<Output>;
          });
          last = step.catch(() => undefined);
          return step;
        },
        async state() {
          assertUsable(name, disposed);
          await last;
          return state;
        },
        async dispose() {
          disposed = true;
          await last;
          await program.dispose();
        },
      };
    },
  };
}

/** A graph for each combination of the arguments' shapes. */
function createGraphs<G extends { sessions: readonly GraphSession[] }>(
  name: string,
  keep = KEPT_GRAPHS,
  make: (inputs: readonly unknown[]) => Promise<G>,
) {
  if (!(Number.isInteger(keep) && keep >= 1))
    throw new PengiError('E_USAGE', `keep must be a whole number of at least 1, found ${keep}`);
  const cache = createCache<G>(keep, async ({ sessions }) => {
    await Promise.all(sessions.map((session) => session.release()));
  });
  let count = 0;
  let disposed = false;
  return {
    get count() {
      return count;
    },
    async use<Result>(
      inputs: readonly unknown[],
      work: (graph: G, arrays: Map<string, NdArray>) => Promise<Result>,
    ): Promise<Result> {
      assertUsable(name, disposed);
      const arrays = argumentArrays(name, inputs);
      const key = [...arrays].map(([path, a]) => `${path}:${a.dtype}[${a.shape}]`).join(' ');
      const record = async () => {
        const graph = await make(inputs);
        count++;
        return graph;
      };
      return cache.use(key, record, (graph) => work(graph, arrays));
    },
    async dispose() {
      disposed = true;
      await cache.dispose();
    },
  };
}

/** @throws PengiError E_SHAPE unless the host has given arrays of the shapes that the function told it */
function assertAnswers(name: string, told: Trace['inputs'], answers: ReadonlyMap<string, NdArray>): void {
  for (const { path, value } of told) {
    const found = answers.get(path);
    if (found && found.dtype === value.dtype && sameShape(found.shape, value.shape)) continue;
    const what = found ? `${found.dtype} [${found.shape}]` : 'nothing';
    throw new PengiError(
      'E_SHAPE',
      `the host's answer to "${name}" at ${path}: expected ${value.dtype} [${value.shape}], found ${what}`,
    );
  }
}
