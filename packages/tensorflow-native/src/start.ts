import { createRequire } from 'node:module';
import { join } from 'node:path';
import util from 'node:util';
import { PengiError } from '@pengi/core';
import type { KernelBackend, Tensor } from '@tensorflow/tfjs-core';
import { type Binding, createBinding } from './binding.js';
import { createStatus, loadTensorFlow } from './c-api.js';
import { createContext } from './context.js';
import { missingForGpu } from './cuda.js';
import { type Installed, installFolder, readInstalled } from './folder.js';
import { TFJS } from './kernels.js';

type Tfjs = typeof import('@tensorflow/tfjs-core');

export interface StartOptions {
  /** Default: TensorFlow's, the number of cores. It holds for the process: only the first start counts. */
  threads?: number | undefined;
  /** Default: see `cacheFolder` of @pengi/checkpoint. */
  cache?: string | undefined;
}

/** A started TensorFlow. */
export interface Runtime {
  /** TensorFlow's own. */
  readonly version: string;
  /** What computes, as TensorFlow names it: `CPU:0` or `GPU:0`. Found by computing something. */
  readonly device: string;
  /** With the GPU variant on the CPU: why. */
  readonly problem: string | undefined;
  readonly description: string;
  readonly binding: Binding;
}

let started: Promise<Runtime> | undefined;

/**
 * Loads the installed TensorFlow into this process and registers the backend "tensorflow" of TensorFlow.js on it, with the
 * kernels of tfjs-node. Once per process. The active backend stays.
 * @throws PengiError E_ENGINE when it is not installed or cannot be loaded
 */
export function startTensorFlow(options: StartOptions = {}): Promise<Runtime> {
  started ??= start(options).catch((error) => {
    started = undefined; // it may be installed by the next call
    throw error;
  });
  return started;
}

async function start({ threads, cache }: StartOptions): Promise<Runtime> {
  const folder = installFolder(cache);
  const installed = await readInstalled(folder);
  if (!installed)
    throw new PengiError('E_ENGINE', 'TensorFlow is not installed', {
      file: folder,
      hint: 'run "npx @pengi/tensorflow-native install"',
    });
  const c = loadTensorFlow(folder);
  const status = createStatus(c);
  const binding = createBinding(c, status, createContext(c, status, threads));
  registerBackend(binding, folder);
  const device = deviceInUse(binding);
  const missing = installed.variant === 'gpu' && !device.startsWith('GPU') ? gpuProblem(folder) : undefined;
  return {
    version: binding.TF_Version,
    device,
    problem: missing,
    description: `TensorFlow ${binding.TF_Version} on ${device}${missing ? ` (${missing})` : ''}, kernels of tfjs-node`,
    binding,
  };
}

function gpuProblem(folder: string): string {
  const missing = missingForGpu(folder);
  return missing ? `${missing.problem}: ${missing.hint}` : 'TensorFlow finds no GPU it can use';
}

function registerBackend(binding: Binding, folder: string): void {
  restoreUtil();
  const tf = createRequire(import.meta.url)('@tensorflow/tfjs-core') as Tfjs;
  Object.assign(globalThis, { [TFJS]: tf });
  addChainedMethods(tf);
  const kernels = join(folder, 'node_modules', '@tensorflow', 'tfjs-node', 'dist');
  const require = createRequire(join(kernels, 'index.js'));
  // A tfjs-node that did not find its binding has registered them already.
  if (tf.getKernelsForBackend('tensorflow').length === 0) require(join(kernels, 'register_all_kernels'));
  const { NodeJSKernelBackend } = require(join(kernels, 'nodejs_kernel_backend')) as {
    NodeJSKernelBackend: new (binding: Binding, packageName: string) => KernelBackend;
  };
  tf.registerBackend('tensorflow', () => new NodeJSKernelBackend(binding, '@pengi/tensorflow-native'));
}

/** Some kernels write `x.sub(y)`, which the union package of TensorFlow.js would have made possible. */
function addChainedMethods(tf: Tfjs): void {
  const { add, sub, mul, cast } = tf;
  const methods: Record<string, (this: Tensor, other: Tensor) => Tensor> = {
    add(other) {
      return add(this, other);
    },
    sub(other) {
      return sub(this, other);
    },
    mul(other) {
      return mul(this, other);
    },
    toInt() {
      return cast(this, 'int32');
    },
    toFloat() {
      return cast(this, 'float32');
    },
  };
  for (const [name, value] of Object.entries(methods))
    if (!(name in tf.Tensor.prototype))
      Object.defineProperty(tf.Tensor.prototype, name, { value, configurable: true, writable: true });
}

/** The kernels use two functions that Node 23 has removed. */
function restoreUtil(): void {
  const shims = { isArray: Array.isArray, isNullOrUndefined: (value: unknown) => value == null };
  for (const [name, shim] of Object.entries(shims))
    if (!(name in util)) Object.defineProperty(util, name, { value: shim, configurable: true });
}

/** Multiplies two matrices, and says where the product lies. */
function deviceInUse(binding: Binding): string {
  const { TF_FLOAT, TF_ATTR_TYPE, TF_ATTR_BOOL } = binding;
  const x = binding.createTensor([1, 1], TF_FLOAT, Float32Array.of(2));
  const attributes = [
    { name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT },
    { name: 'transpose_a', type: TF_ATTR_BOOL, value: false },
    { name: 'transpose_b', type: TF_ATTR_BOOL, value: false },
  ];
  const [product] = binding.executeOp('MatMul', attributes, [x, x], 1);
  const name = binding.deviceOf(product!.id);
  for (const id of [x, product!.id]) binding.deleteTensor(id);
  return name.split('device:').at(-1)!;
}

export interface TensorFlowStatus {
  readonly folder: string;
  readonly installed: Installed | undefined;
  /** Of the loaded library. */
  readonly version?: string;
  readonly device?: string;
  /** What stands in the way, and what to do. */
  readonly problem?: string;
}

/** What is installed, whether it loads in this process, and on which device it computes. */
export async function tensorFlowStatus(cache?: string): Promise<TensorFlowStatus> {
  const folder = installFolder(cache);
  const installed = await readInstalled(folder);
  try {
    const { version, device, problem } = await startTensorFlow({ cache });
    return { folder, installed, version, device, ...(problem && { problem }) };
  } catch (error) {
    const { message, hint } = error as PengiError;
    return { folder, installed, problem: hint ? `${message}; ${hint}` : message };
  }
}
