import { PengiError } from '@pengi/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Engine, EngineName } from './engine.js';
import { createEagerEngine, ready } from './engines/eager.js';
import { createJitEngine } from './engines/jit.js';
import { createTensorFlowEngine } from './engines/tensorflow.js';
import { createWasmEngine } from './engines/wasm.js';

export interface EngineOptions {
  /** Threads of the engine, where it lets one choose; default: the number of cores. */
  threads?: number;
  /** Of `jit`: whether threads without work wait busily; see `JitOptions`. */
  spinning?: boolean | undefined;
  /** Told once when a slow engine stands in for the default one. Default: a line on stderr. */
  warn?: (message: string) => void;
}

type Create = (options: EngineOptions) => Promise<Engine>;

/** All engines, best first. */
export const ENGINES: Record<EngineName, { what: string; create: Create }> = {
  jit: {
    what: 'compiled graphs on ONNX Runtime',
    create: createJitEngine,
  },
  tensorflow: {
    what: 'native TensorFlow through @tensorflow/tfjs-node-gpu, @tensorflow/tfjs-node or @pengi/tensorflow-native',
    create: createTensorFlowEngine,
  },
  wasm: {
    what: 'TensorFlow.js in WebAssembly, op by op (slow)',
    create: createWasmEngine,
  },
  cpu: {
    what: 'TensorFlow.js in plain JavaScript, op by op (very slow, runs everywhere)',
    async create() {
      await import('@tensorflow/tfjs-backend-cpu');
      tf.env().set('PROD', true); // or it prints an advertisement for tfjs-node at the first tensor
      await ready('cpu');
      return createEagerEngine('cpu', 'cpu', `TensorFlow.js ${tf.version_core}, plain JavaScript`);
    },
  },
};

/**
 * An engine by name; without one, `jit`, and where ONNX Runtime cannot be loaded `wasm` or `cpu`, which is said once.
 * The environment variable PENGI_ENGINE names another default.
 * @throws PengiError E_ENGINE when the named engine cannot be loaded, E_USAGE when there is none of that name
 */
export async function createEngine(name?: string, options: EngineOptions = {}): Promise<Engine> {
  const wanted = name ?? globalThis.process?.env.PENGI_ENGINE; // a browser has no process
  if (wanted !== undefined && wanted !== 'auto') {
    const engine = Object.hasOwn(ENGINES, wanted) ? ENGINES[wanted as EngineName] : undefined;
    if (!engine)
      throw new PengiError('E_USAGE', `no engine "${wanted}"`, {
        hint: `choose ${Object.keys(ENGINES).join(', ')}`,
      });
    return engine.create(options);
  }
  const reasons: string[] = [];
  for (const fallback of ['jit', 'wasm', 'cpu'] as const) {
    try {
      const engine = await ENGINES[fallback].create(options);
      if (fallback !== 'jit')
        warnOnce(options, `using the engine "${fallback}", ${ENGINES[fallback].what}: ${reasons[0]}`);
      return engine;
    } catch (error) {
      reasons.push((error as Error).message);
    }
  }
  throw new PengiError('E_ENGINE', `no engine can be loaded: ${reasons.join('; ')}`);
}

let shared: Promise<Engine> | undefined;

/** The engine that everything uses unless told otherwise: made once per process. */
export function defaultEngine(): Promise<Engine> {
  shared ??= createEngine();
  return shared;
}

let warned = false;

function warnOnce(
  { warn = (message) => process.stderr.write(`pengi: ${message}\n`) }: EngineOptions,
  message: string,
): void {
  if (!warned) warn(message);
  warned = true;
}
