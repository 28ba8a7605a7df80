/** The TensorFlow.js backend that records: its kernels write nodes into the current graph. */
import { type DType, type DTypeArray, PengiError, sizeOf } from '@pengi/core';
import type { DataId, Tensor, TensorInfo } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { KERNELS } from '../kernels/index.js';
import { type Graph, sameShape, type Value } from './graph.js';
import { readable, withDeepStacks } from './readable.js';

const BACKEND = 'pengi-trace';

let singleton: TraceBackend | undefined;
let current: Graph | undefined;

/** Runs `record` with the recording backend active, and puts the former one back, whatever happens. */
export function recording<T>(graph: Graph, record: () => T): T {
  if (current)
    throw new PengiError('E_TRACE', 'a function is compiled inside of another one that is being compiled');
  const backend = traceBackend();
  const engine = tf.engine();
  const former = engine.backendName;
  current = graph;
  void engine.setBackend(BACKEND); // takes effect at once: the backend exists
  engine.startScope('trace');
  const allowVariables = refuseVariables();
  try {
    return withDeepStacks(record);
  } catch (error) {
    throw readable(error, 'cannot be compiled');
  } finally {
    allowVariables();
    engine.endScope();
    backend.clear();
    current = undefined;
    if (former) void engine.setBackend(former);
    // Without a former backend the next op would still be recorded, so the name is taken away again.
    else Object.assign(engine, { backendName: undefined, backendInstance: null });
  }
}

/** A variable that is assigned while recording would hold a tensor without a value ever after. Returns the way back. */
function refuseVariables(): () => void {
  const engine = tf.engine();
  const { prototype } = tf.Variable;
  const { assign } = prototype;
  const { makeVariable } = engine;
  const refuse = () => {
    throw new PengiError('E_TRACE', 'a compiled function makes or assigns a variable', {
      hint: 'pass values in and return new ones; for training, compileStep and adamUpdate of @pengi/nn',
    });
  };
  prototype.assign = refuse;
  engine.makeVariable = refuse;
  return () => Object.assign(prototype, { assign }) && Object.assign(engine, { makeVariable });
}

export function traceBackend(): TraceBackend {
  if (!singleton) {
    const backend = new TraceBackend();
    singleton = backend;
    tf.registerBackend(BACKEND, () => backend, 0);
    void tf.engine().findBackend(BACKEND); // creates it now, so that setBackend is synchronous
    for (const kernelName of Object.keys(KERNELS))
      tf.registerKernel({
        kernelName,
        backendName: BACKEND,
        kernelFunc: (call) => backend.run(kernelName, call),
      });
  }
  return singleton;
}

export class TraceBackend extends tf.KernelBackend {
  private values = new Map<DataId, { value: Value; references: number }>();
  /** Tensors of other backends that a recorded function uses: they become constants. */
  private captured = new Map<DataId, Value>();

  /** A tensor that stands for `value`. */
  tensor(value: Value): Tensor {
    return tf.engine().makeTensorFromTensorInfo(this.info(value));
  }

  recorded({ dataId, shape, dtype }: TensorInfo): Value {
    const own = this.values.get(dataId)?.value;
    if (own) return own;
    const known = this.captured.get(dataId);
    if (known && sameShape(known.shape, shape)) return known;
    const source = tf.engine().state.tensorInfo.get(dataId);
    if (!source)
      throw new PengiError('E_TRACE', 'a tensor that has been disposed is used in a compiled function');
    if (source.backend === this)
      throw new PengiError('E_TRACE', 'a tensor of one compiled function is used in another one', {
        hint: 'return it from the one and pass it to the other',
      });
    const value = current!.literal(source.backend.readSync(dataId) as Float32Array, shape, dtype as DType);
    this.captured.set(dataId, value);
    return value;
  }

  run(kernelName: string, { inputs, attrs }: { inputs: object; attrs?: object }): TensorInfo | TensorInfo[] {
    const values = Object.fromEntries(
      Object.entries(inputs as Record<string, TensorInfo | undefined>)
        .filter(([, tensor]) => tensor !== undefined && tensor !== null)
        .map(([name, tensor]) => [name, this.recorded(tensor!)]),
    );
    const results = KERNELS[kernelName]!(current!, values, (attrs ?? {}) as never);
    return Array.isArray(results) ? results.map((value) => this.info(value)) : this.info(results);
  }

  /** Forgets everything: the graph is recorded, its tensors have no use any more. */
  clear(): void {
    this.values.clear();
    this.captured.clear();
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): DataId {
    if (!current) throw outside();
    if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool')
      throw new PengiError('E_KERNEL', `tensors of dtype ${dtype} cannot be recorded`);
    const ArrayType = { float32: Float32Array, int32: Int32Array, bool: Uint8Array }[dtype];
    const list = typeof values === 'number' ? [values] : (values as ArrayLike<number>);
    const data = list instanceof ArrayType ? list : ArrayType.from(list);
    return this.put(current.literal(data as DTypeArray[DType], shape, dtype));
  }

  override readSync(dataId: DataId): tf.BackendValues {
    if (!current) throw outside();
    const value = this.values.get(dataId)?.value;
    const { constant } = value?.broadcastOf ?? value ?? {};
    if (!value || !constant)
      throw new PengiError(
        'E_TRACE',
        'a compiled function reads the value of a tensor (dataSync, arraySync, print), which is not known yet',
        { hint: 'return the tensor and read it outside of the function' },
      );
    const { data } = constant;
    return (
      data.length === sizeOf(value.shape) ? data : new Float32Array(sizeOf(value.shape)).fill(Number(data[0]))
    ) as Float32Array;
  }

  override async read(dataId: DataId): Promise<tf.BackendValues> {
    return this.readSync(dataId);
  }

  override numDataIds(): number {
    return this.values.size;
  }
  override refCount(dataId: DataId): number {
    return this.values.get(dataId)?.references ?? 0;
  }
  override incRef(dataId: DataId): void {
    const entry = this.values.get(dataId);
    if (entry) entry.references++;
  }
  decRef(dataId: DataId): void {
    const entry = this.values.get(dataId);
    if (entry) entry.references--;
  }
  override disposeData(dataId: DataId, force = false): boolean {
    const entry = this.values.get(dataId);
    if (entry) {
      entry.references--;
      if (!force && entry.references > 0) return false;
      this.values.delete(dataId);
    }
    return true;
  }
  override floatPrecision(): 16 | 32 {
    return 32;
  }
  override epsilon(): number {
    return 1e-7;
  }
  override memory(): { unreliable: boolean } {
    return { unreliable: true };
  }
  override dispose(): void {}

  private info(value: Value): TensorInfo {
    return { dataId: this.put(value), shape: [...value.shape], dtype: value.dtype as DType };
  }

  private put(value: Value): DataId {
    const dataId = {};
    this.values.set(dataId, { value, references: 1 });
    return dataId;
  }
}

function outside(): PengiError {
  return new PengiError('E_TRACE', 'a tensor of a compiled function is used outside of it', {
    hint: 'return it from the function: `run` then gives its value',
  });
}
