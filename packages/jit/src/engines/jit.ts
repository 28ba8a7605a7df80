import { PengiError, rebuildTree } from '@pengi/core';
import type { Arrays, CompileOptions, Engine, Program, StepProgram } from '../engine.js';
import { quantizeWeights } from '../graph/quantize.js';
import { type Trace, trace } from '../graph/trace.js';
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
    { name = fn.name || 'function', prepack = true, keep = KEPT_GRAPHS, quantize }: CompileOptions = {},
  ): Program<Inputs, Output> => {
    if (!(Number.isInteger(keep) && keep >= 1))
      throw new PengiError('E_USAGE', `keep must be a whole number of at least 1, found ${keep}`);
    const assertSameFiles = watchFiles(weights);
    const graphs = createCache<Graph>(keep, ({ session }) => session.release());
    let disposed = false;
    let compiled = 0;

    const record = async (inputs: readonly unknown[]): Promise<Graph> => {
      assertSameFiles();
      const traced = trace(fn, weights, inputs);
      const recorded = quantize === 'int8' ? quantizeWeights(traced) : traced;
      const session = await runtime.open(recorded, { name, prepack });
      compiled++;
      return { result: recorded.result, session };
    };
    return {
      get graphs() {
        return compiled;
      },
      async run(...inputs) {
        assertUsable(name, disposed);
        const arrays = argumentArrays(name, inputs);
        const key = [...arrays].map(([path, a]) => `${path}:${a.dtype}[${a.shape}]`).join(' ');
        return graphs.use(
          key,
          () => record(inputs),
          async ({ result, session }) => {
            const outputs = await session.run(arrays);
            return rebuildTree<Arrays<Output>>(result, (path) => outputs.get(path));
          },
        );
      },
      async dispose() {
        disposed = true;
        await graphs.dispose();
      },
    };
  };

  return {
    name: 'jit',
    description: runtime.description,
    memory: 'host',
    compile: compile as Engine['compile'],
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

interface Graph {
  result: Trace['result'];
  session: GraphSession;
}
