import type { Pointer, Status, TensorFlowC } from './c-api.js';

/** Where ops run. */
export interface Context {
  readonly pointer: Pointer;
  /** The full name of the GPU that tensors go to; undefined when there is none. */
  readonly gpu: string | undefined;
}

/**
 * Starts TensorFlow's eager runtime. It takes all GPUs it finds, and computes on the last, as tfjs-node's own binding does.
 * @param threads per op and for ops side by side; default: TensorFlow's, the number of cores
 * @throws PengiError E_ENGINE
 */
export function createContext(c: TensorFlowC, status: Status, threads?: number): Context {
  const options = c.TFE_NewContextOptions();
  if (threads !== undefined) {
    // A ConfigProto in its serialized form: intra_op_parallelism_threads = 2, inter_op_parallelism_threads = 5.
    const count = Math.max(1, Math.min(127, threads));
    const config = Uint8Array.of(2 << 3, count, 5 << 3, count);
    c.TFE_ContextOptionsSetConfig(options, config, config.length, status.pointer);
    status.check();
  }
  const pointer = c.TFE_NewContext(options, status.pointer);
  c.TFE_DeleteContextOptions(options);
  status.check();
  const devices = listDevices(c, status, pointer);
  return { pointer, gpu: devices.findLast(({ type }) => type === 'GPU')?.name };
}

function listDevices(c: TensorFlowC, status: Status, context: Pointer): { name: string; type: string }[] {
  const list = c.TFE_ContextListDevices(context, status.pointer);
  status.check();
  const devices = Array.from({ length: c.TF_DeviceListCount(list) }, (_, i) => ({
    name: c.TF_DeviceListName(list, i, status.pointer),
    type: c.TF_DeviceListType(list, i, status.pointer),
  }));
  c.TF_DeleteDeviceList(list);
  return devices;
}
