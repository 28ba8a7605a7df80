/** TensorFlow's C API (tensorflow/c/c_api.h and tensorflow/c/eager/c_api.h), as much of it as the kernels need. */
import { join } from 'node:path';
import { PengiError } from '@pengi/core';
import koffi from 'koffi';

/** An address in the process. */
export type Pointer = number | bigint;

/** Handles and addresses are integers; `bytes` is the address of a typed array's first byte. */
interface Types {
  none: undefined;
  text: string;
  bytes: NodeJS.ArrayBufferView | null;
  pointer: Pointer;
  int: number;
  long: number | bigint;
  float: number;
}

const C_TYPES: Record<keyof Types, string> = {
  none: 'void',
  text: 'str',
  bytes: 'void*',
  pointer: 'intptr_t',
  int: 'int',
  long: 'int64_t',
  float: 'float',
};

/** name: [result, ...arguments] */
const SIGNATURES = {
  TF_Version: ['text'],
  TF_NewStatus: ['pointer'],
  TF_GetCode: ['int', 'pointer'],
  TF_Message: ['text', 'pointer'],
  TF_DeleteDeviceList: ['none', 'pointer'],
  TF_DeviceListCount: ['int', 'pointer'],
  TF_DeviceListName: ['text', 'pointer', 'int', 'pointer'],
  TF_DeviceListType: ['text', 'pointer', 'int', 'pointer'],
  TF_AllocateTensor: ['pointer', 'int', 'bytes', 'int', 'long'],
  TF_TensorData: ['pointer', 'pointer'],
  TF_TensorByteSize: ['long', 'pointer'],
  TF_DeleteTensor: ['none', 'pointer'],
  TFE_NewContextOptions: ['pointer'],
  TFE_ContextOptionsSetConfig: ['none', 'pointer', 'bytes', 'long', 'pointer'],
  TFE_DeleteContextOptions: ['none', 'pointer'],
  TFE_NewContext: ['pointer', 'pointer', 'pointer'],
  TFE_ContextListDevices: ['pointer', 'pointer', 'pointer'],
  TFE_NewTensorHandle: ['pointer', 'pointer', 'pointer'],
  TFE_DeleteTensorHandle: ['none', 'pointer'],
  TFE_TensorHandleCopyToDevice: ['pointer', 'pointer', 'pointer', 'text', 'pointer'],
  TFE_TensorHandleResolve: ['pointer', 'pointer', 'pointer'],
  TFE_TensorHandleBackingDeviceName: ['text', 'pointer', 'pointer'],
  TFE_TensorHandleDataType: ['int', 'pointer'],
  TFE_TensorHandleNumDims: ['int', 'pointer', 'pointer'],
  TFE_TensorHandleDim: ['long', 'pointer', 'int', 'pointer'],
  TFE_NewOp: ['pointer', 'pointer', 'text', 'pointer'],
  TFE_DeleteOp: ['none', 'pointer'],
  TFE_OpAddInput: ['none', 'pointer', 'pointer', 'pointer'],
  TFE_OpSetAttrString: ['none', 'pointer', 'text', 'text', 'long'],
  TFE_OpSetAttrInt: ['none', 'pointer', 'text', 'long'],
  TFE_OpSetAttrIntList: ['none', 'pointer', 'text', 'bytes', 'int'],
  TFE_OpSetAttrFloat: ['none', 'pointer', 'text', 'float'],
  TFE_OpSetAttrFloatList: ['none', 'pointer', 'text', 'bytes', 'int'],
  TFE_OpSetAttrBool: ['none', 'pointer', 'text', 'int'],
  TFE_OpSetAttrBoolList: ['none', 'pointer', 'text', 'bytes', 'int'],
  TFE_OpSetAttrType: ['none', 'pointer', 'text', 'int'],
  TFE_OpSetAttrShape: ['none', 'pointer', 'text', 'bytes', 'int', 'pointer'],
  TFE_Execute: ['none', 'pointer', 'bytes', 'bytes', 'pointer'],
} as const satisfies Record<string, readonly (keyof Types)[]>;

type Signatures = typeof SIGNATURES;
type ArgumentTypes<Names extends readonly unknown[]> = {
  -readonly [I in keyof Names]: Names[I] extends keyof Types ? Types[Names[I]] : never;
};
type CFunction<Signature extends readonly (keyof Types)[]> = Signature extends readonly [
  infer Result extends keyof Types,
  ...infer Names,
]
  ? (...args: ArgumentTypes<Names>) => Types[Result]
  : never;

export type TensorFlowC = { readonly [Name in keyof Signatures]: CFunction<Signatures[Name]> } & {
  /** Copies from memory of the process into an array, and back. */
  readonly copyOut: (target: NodeJS.ArrayBufferView, source: Pointer, bytes: number) => void;
  readonly copyIn: (target: Pointer, source: NodeJS.ArrayBufferView, bytes: number) => void;
};

/**
 * Loads TensorFlow's libraries into the process.
 * @param folder where `tensorflow/libtensorflow_cc.so.2` lies
 * @throws PengiError E_ENGINE
 */
export function loadTensorFlow(folder: string): TensorFlowC {
  const path = (name: string) => join(folder, 'tensorflow', name);
  // TensorFlow says on stderr at every start what it could do better; errors stay.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  try {
    koffi.load(path('libtensorflow_framework.so.2'), { global: true });
    const library = koffi.load(path('libtensorflow_cc.so.2'));
    const functions = Object.entries(SIGNATURES).map(([name, [result, ...args]]) => [
      name,
      library.func(
        name,
        C_TYPES[result],
        args.map((type) => C_TYPES[type]),
      ),
    ]);
    return {
      ...(Object.fromEntries(functions) as TensorFlowC),
      copyOut: library.func('memcpy', 'void*', ['void*', 'intptr_t', 'size_t']),
      copyIn: library.func('memcpy', 'intptr_t', ['intptr_t', 'void*', 'size_t']),
    };
  } catch (cause) {
    throw new PengiError('E_ENGINE', `TensorFlow's libraries cannot be loaded: ${(cause as Error).message}`, {
      file: folder,
      hint: 'npx @pengi/tensorflow-native install --force',
      cause,
    });
  }
}

/** A status that throws what it holds. */
export interface Status {
  readonly pointer: Pointer;
  /** @throws PengiError E_ENGINE with TensorFlow's words, when the last call has failed */
  check(): void;
}

export function createStatus(c: TensorFlowC): Status {
  const pointer = c.TF_NewStatus();
  return {
    pointer,
    check() {
      if (c.TF_GetCode(pointer) !== 0)
        throw new PengiError('E_ENGINE', `TensorFlow: ${c.TF_Message(pointer)}`);
    },
  };
}
