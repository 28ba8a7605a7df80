import { PengiError } from '@pengi/core';
import type { KernelConfig } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Engine } from '../engine.js';
import { borrowKernels, type KernelInputs } from './borrow.js';
import { createEagerEngine, ready } from './eager.js';

/** What this needs of @pengi/tensorflow-native, which is an optional peer. */
interface TensorFlowNative {
  startTensorFlow(options: { threads?: number | undefined }): Promise<{ description: string }>;
}

/**
 * Native TensorFlow, op by op: through a compiled binding of tfjs-node where one loads, else through
 * @pengi/tensorflow-native, which needs none.
 * @throws PengiError E_ENGINE that says why neither loads
 */
export async function createTensorFlowEngine({ threads }: { threads?: number } = {}): Promise<Engine> {
  restoreUtil();
  const reasons: string[] = [];
  for (const packageName of ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node']) {
    try {
      await import(packageName); // registers its backend "tensorflow"
      return await engineOn(`${packageName} (TensorFlow.js ${tf.version_core})`);
    } catch (error) {
      reasons.push(`${packageName}: ${reasonOf(error)}`);
    }
  }
  const native = '@pengi/tensorflow-native'; // a variable, so that bundlers leave it alone
  try {
    const { startTensorFlow } = (await import(native)) as TensorFlowNative;
    const { description } = await startTensorFlow({ threads });
    return await engineOn(description);
  } catch (cause) {
    reasons.push(`${native}: ${reasonOf(cause)}`);
    throw new PengiError('E_ENGINE', `native TensorFlow cannot be loaded (${reasons.join('; ')})`, {
      hint: `run "npm install ${native}" and "npx ${native} install", which needs no compiler`,
      cause,
    });
  }
}

/** The engine on the backend that has been registered. */
async function engineOn(description: string): Promise<Engine> {
  await ready('tensorflow');
  await import('@tensorflow/tfjs-backend-cpu');
  repairKernels();
  borrowKernels('tensorflow', isSound);
  return createEagerEngine('tensorflow', 'tensorflow', description);
}

type Attributes = Record<string, unknown>;

/** Attributes that tfjs-node 4.22 does not understand, said in a way that it does. */
const REPAIRS: Record<string, (attrs: Attributes, inputs: KernelInputs) => Attributes> = {
  Conv2D(attrs) {
    const { pad } = attrs;
    return typeof pad === 'number' ? { ...attrs, pad: [0, pad, pad, 0].map((n) => [n, n]) } : attrs;
  },
  GatherV2(attrs, { x }) {
    const rank = x!.shape.length;
    return { ...attrs, axis: ((attrs.axis as number) + rank) % rank };
  },
};

const COMPARISONS = new Set(['Less', 'LessEqual', 'Greater', 'GreaterEqual']);

/** Whether tfjs-node 4.22 has a call right. */
function isSound(kernelName: string, inputs: KernelInputs, attrs: Attributes): boolean {
  if (attrs.dimRoundingMode === 'ceil') return false; // it rounds down
  if (kernelName.startsWith('Conv2DBackprop')) return typeof attrs.pad === 'string';
  if (COMPARISONS.has(kernelName)) return inputs.a!.dtype !== 'bool';
  // TensorFlow.js does not widen a size of 1 to 0.
  if (kernelName === 'Select') return String(inputs.t!.shape) === String(inputs.e!.shape);
  return true;
}

let repaired = false;

function repairKernels(): void {
  if (repaired) return;
  repaired = true;
  for (const [kernelName, repair] of Object.entries(REPAIRS)) {
    const own = tf.getKernel(kernelName, 'tensorflow') as KernelConfig;
    tf.unregisterKernel(kernelName, 'tensorflow');
    tf.registerKernel({
      ...own,
      kernelFunc: (call) =>
        own.kernelFunc({
          ...call,
          attrs: repair(call.attrs ?? {}, call.inputs as KernelInputs) as tf.NamedAttrMap,
        }),
    });
  }
}

function reasonOf(error: unknown): string {
  return (error as Error).message.split('\n')[0]!.replace(/ imported (from|by) .*/, '');
}

/** tfjs-node 4.22 uses two functions that Node 23 has removed. */
function restoreUtil(): void {
  const util = globalThis.process?.getBuiltinModule?.('node:util') as Record<string, unknown> | undefined;
  if (!util) return;
  util.isArray ??= Array.isArray;
  util.isNullOrUndefined ??= (value: unknown) => value == null;
}
