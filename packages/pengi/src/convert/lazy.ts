/** Sources and arrays that read nothing before they are asked for. */
import type { TensorSource } from '@pengi/checkpoint';
import type { NdArray } from '@pengi/core';

/** A source under other names. */
export function renamed(source: TensorSource, rename: (name: string) => string): TensorSource {
  const ownName = new Map([...source.tensors.keys()].map((name) => [rename(name), name]));
  const own = (name: string) => ownName.get(name) ?? name;
  return {
    metadata: source.metadata,
    tensors: new Map([...source.tensors].map(([name, info]) => [rename(name), info])),
    read: (name) => source.read(own(name)),
    array: (name) => source.array(own(name)),
  };
}

/**
 * A source whose arrays read their data each time it is asked for, whatever their type and place in the file is.
 * @param path for messages
 * @param taken gets the names of the arrays that were given out
 */
export function lazySource(
  source: TensorSource,
  path: string,
  taken: Set<string>,
): TensorSource & { readonly path: string } {
  return {
    ...source,
    path,
    array(name) {
      const info = source.tensors.get(name);
      const kind = info && FLOATS.includes(info.dtype) ? 'float32' : undefined;
      taken.add(name);
      if (info === undefined || kind === undefined) return source.array(name);
      return {
        dtype: kind,
        shape: info.shape,
        get data() {
          return source.array(name).data as Float32Array;
        },
      };
    },
  };
}

const FLOATS: readonly string[] = ['F16', 'BF16', 'F32', 'F64'];

/** The same arrays, which tell `visit` before each is read how many bytes of float32 came before it. */
export function watched(
  arrays: Readonly<Record<string, NdArray>>,
  visit: (bytesBefore: number) => void,
): Record<string, NdArray> {
  let done = 0;
  const watch = (array: NdArray): NdArray => {
    const { dtype, shape } = array;
    return {
      dtype,
      shape,
      get data() {
        visit(done);
        const { data } = array;
        done += data.byteLength;
        return data;
      },
    } as NdArray;
  };
  return Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, watch(array)]));
}
