import type { NdArray } from '@pengi/core';
import type { FileTensorInfo } from './source.js';

/** Whether the file's bytes are the array's bytes, where a typed array could begin. */
export function isMappable({ dtype, offset, byteLength }: FileTensorInfo): boolean {
  return (dtype === 'F32' || dtype === 'I32') && offset % 4 === 0 && byteLength > 0;
}

/** An array of a mappable tensor: `region` names its bytes in the file, `data` calls `read` each time it is asked for. */
export function fileBacked(
  path: string,
  { dtype, shape, offset }: FileTensorInfo,
  read: () => Uint8Array<ArrayBuffer>,
): NdArray {
  const region = { path, offset };
  return dtype === 'F32'
    ? {
        dtype: 'float32',
        shape,
        region,
        get data() {
          return new Float32Array(read().buffer);
        },
      }
    : {
        dtype: 'int32',
        shape,
        region,
        get data() {
          return new Int32Array(read().buffer);
        },
      };
}
