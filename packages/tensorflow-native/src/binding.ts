import { PengiError } from '@pengi/core';
import type { Pointer, Status, TensorFlowC } from './c-api.js';
import type { Context } from './context.js';

/** TF_DataType, by the names that tfjs-node's kernels use. */
const DTYPES = {
  TF_FLOAT: 1,
  TF_INT32: 3,
  TF_UINT8: 4,
  TF_STRING: 7,
  TF_COMPLEX64: 8,
  TF_INT64: 9,
  TF_BOOL: 10,
  TF_RESOURCE: 20,
} as const;

/** TF_AttrType, likewise. */
const ATTRIBUTES = {
  TF_ATTR_STRING: 0,
  TF_ATTR_INT: 1,
  TF_ATTR_FLOAT: 2,
  TF_ATTR_BOOL: 3,
  TF_ATTR_TYPE: 4,
  TF_ATTR_SHAPE: 5,
} as const;

type Values = Float32Array | Int32Array | Uint8Array | BigInt64Array;

/** What values of a type arrive in; complex ones as pairs of floats. Int64 is written as pairs of int32. */
const ARRAYS: Record<number, { new (length: number): Values; BYTES_PER_ELEMENT: number }> = {
  [DTYPES.TF_FLOAT]: Float32Array,
  [DTYPES.TF_INT32]: Int32Array,
  [DTYPES.TF_UINT8]: Uint8Array,
  [DTYPES.TF_COMPLEX64]: Float32Array,
  [DTYPES.TF_INT64]: BigInt64Array,
  [DTYPES.TF_BOOL]: Uint8Array,
};

export interface TensorMetadata {
  id: number;
  shape: number[];
  /** TF_DataType */
  dtype: number;
}

export interface OpAttribute {
  name: string;
  /** TF_AttrType */
  type: number;
  value: unknown;
}

/**
 * What tfjs-node's kernels call in place of its compiled binding: the same functions and constants (its src/tfjs_binding.ts).
 * Strings and SavedModels are not part of it.
 */
export type Binding = typeof DTYPES &
  typeof ATTRIBUTES & {
    readonly TF_Version: string;
    createTensor(shape: readonly number[], dtype: number, values: Values): number;
    deleteTensor(id: number): void;
    tensorDataSync(id: number): Values;
    executeOp(
      name: string,
      attributes: readonly OpAttribute[],
      inputs: readonly number[],
      outputs: number,
    ): TensorMetadata[];
    getNumOfTensors(): number;
    getNumOfSavedModels(): number;
    isUsingGpuDevice(): boolean;
    /** The full name of the device that holds a tensor; not part of the compiled binding. */
    deviceOf(id: number): string;
  };

/** The binding on a started runtime. Its functions throw PengiError E_ENGINE with TensorFlow's words. */
export function createBinding(c: TensorFlowC, status: Status, context: Context): Binding {
  const handles = new Map<number, Pointer>();
  let nextId = 0;
  const keep = (handle: Pointer): number => {
    handles.set(nextId, handle);
    return nextId++;
  };
  const handleOf = (id: number): Pointer => {
    const handle = handles.get(id);
    if (handle === undefined) throw new PengiError('E_ENGINE', `there is no tensor ${id}`);
    return handle;
  };
  const checked = <T>(result: T): T => {
    status.check();
    return result;
  };

  return {
    ...DTYPES,
    ...ATTRIBUTES,
    TF_Version: c.TF_Version(),
    createTensor(shape, dtype, values) {
      if (!ARRAYS[dtype]) throw unsupported(dtype);
      const tensor = c.TF_AllocateTensor(dtype, longs(shape), shape.length, values.byteLength);
      if (values.byteLength > 0) c.copyIn(c.TF_TensorData(tensor), values, values.byteLength);
      const handle = c.TFE_NewTensorHandle(tensor, status.pointer);
      c.TF_DeleteTensor(tensor); // the handle holds it
      status.check();
      // Most GPU kernels expect int32, which are sizes and indices, in the host's memory.
      if (context.gpu === undefined || dtype === DTYPES.TF_INT32) return keep(handle);
      const moved = c.TFE_TensorHandleCopyToDevice(handle, context.pointer, context.gpu, status.pointer);
      c.TFE_DeleteTensorHandle(handle);
      return keep(checked(moved));
    },
    deleteTensor(id) {
      c.TFE_DeleteTensorHandle(handleOf(id));
      handles.delete(id);
    },
    tensorDataSync(id) {
      const handle = handleOf(id);
      const dtype = c.TFE_TensorHandleDataType(handle);
      const ArrayType = ARRAYS[dtype];
      if (!ArrayType) throw unsupported(dtype);
      const tensor = checked(c.TFE_TensorHandleResolve(handle, status.pointer));
      const bytes = Number(c.TF_TensorByteSize(tensor));
      const values = new ArrayType(bytes / ArrayType.BYTES_PER_ELEMENT);
      if (bytes > 0) c.copyOut(values, c.TF_TensorData(tensor), bytes);
      c.TF_DeleteTensor(tensor);
      return values;
    },
    executeOp(name, attributes, inputs, outputs) {
      const op = checked(c.TFE_NewOp(context.pointer, name, status.pointer));
      const results = new BigInt64Array(outputs);
      const count = Int32Array.of(outputs);
      try {
        for (const id of inputs) {
          c.TFE_OpAddInput(op, handleOf(id), status.pointer);
          status.check();
        }
        for (const attribute of attributes) setAttribute(c, status, op, attribute);
        c.TFE_Execute(op, results, count, status.pointer);
        status.check();
      } finally {
        c.TFE_DeleteOp(op);
      }
      return Array.from(results.subarray(0, count[0]), (handle) => ({
        id: keep(handle),
        shape: shapeOf(c, status, handle),
        dtype: c.TFE_TensorHandleDataType(handle),
      }));
    },
    getNumOfTensors: () => handles.size,
    getNumOfSavedModels: () => 0,
    isUsingGpuDevice: () => context.gpu !== undefined,
    deviceOf: (id) => checked(c.TFE_TensorHandleBackingDeviceName(handleOf(id), status.pointer)),
  };
}

function setAttribute(c: TensorFlowC, status: Status, op: Pointer, { name, type, value }: OpAttribute): void {
  const list = Array.isArray(value) ? (value as number[]) : undefined;
  switch (type) {
    case ATTRIBUTES.TF_ATTR_STRING:
      c.TFE_OpSetAttrString(op, name, value as string, Buffer.byteLength(value as string));
      break;
    case ATTRIBUTES.TF_ATTR_INT:
      if (list) c.TFE_OpSetAttrIntList(op, name, longs(list), list.length);
      else c.TFE_OpSetAttrInt(op, name, value as number);
      break;
    case ATTRIBUTES.TF_ATTR_FLOAT:
      if (list) c.TFE_OpSetAttrFloatList(op, name, Float32Array.from(list), list.length);
      else c.TFE_OpSetAttrFloat(op, name, value as number);
      break;
    case ATTRIBUTES.TF_ATTR_BOOL:
      if (list) c.TFE_OpSetAttrBoolList(op, name, Uint8Array.from(list, Number), list.length);
      else c.TFE_OpSetAttrBool(op, name, Number(value));
      break;
    case ATTRIBUTES.TF_ATTR_TYPE:
      c.TFE_OpSetAttrType(op, name, value as number);
      break;
    case ATTRIBUTES.TF_ATTR_SHAPE:
      c.TFE_OpSetAttrShape(op, name, longs(value as number[]), (value as number[]).length, status.pointer);
      status.check();
      break;
    default:
      throw new PengiError(
        'E_ENGINE',
        `the attribute "${name}" is of a kind (${type}) that is not known here`,
      );
  }
}

function shapeOf(c: TensorFlowC, status: Status, handle: Pointer): number[] {
  const rank = c.TFE_TensorHandleNumDims(handle, status.pointer);
  return Array.from({ length: rank }, (_, i) => Number(c.TFE_TensorHandleDim(handle, i, status.pointer)));
}

function longs(values: readonly number[]): BigInt64Array {
  return BigInt64Array.from(values, BigInt);
}

function unsupported(dtype: number): PengiError {
  const name = Object.entries(DTYPES).find(([, number]) => number === dtype)?.[0] ?? `TF_DataType ${dtype}`;
  return new PengiError(
    'E_ENGINE',
    `tensors of the type ${name} cannot be read or written through this binding`,
  );
}
