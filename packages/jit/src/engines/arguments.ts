import { DTYPE_ARRAYS, isLeaf, type NdArray, PengiError, sizeOf } from '@pengi/core';

/**
 * The arrays among the arguments of a call, by path, each read once. Anything but arrays is refused: a number would be
 * recorded as a constant, and a later call with another number would get the first one's result.
 * @throws PengiError E_SHAPE
 */
export function argumentArrays(name: string, inputs: unknown): Map<string, NdArray> {
  const arrays = new Map<string, NdArray>();
  const visit = (node: unknown, path: string): void => {
    if (isLeaf(node))
      arrays.set(
        path,
        checked(node, (found) => wrong(name, path, found)),
      );
    else if (typeof node === 'object' && node !== null && !ArrayBuffer.isView(node))
      for (const [key, child] of Object.entries(node)) visit(child, path === '' ? key : `${path}.${key}`);
    else if (node !== undefined && node !== null) throw wrong(name, path, `a ${kindOf(node)}`);
  };
  visit(inputs, '');
  return arrays;
}

function checked(node: unknown, refuse: (found: string) => PengiError): NdArray {
  const { dtype, shape, data } = node as NdArray;
  const ArrayType = Object.hasOwn(DTYPE_ARRAYS, dtype) ? DTYPE_ARRAYS[dtype] : undefined;
  if (!ArrayBuffer.isView(data)) throw refuse('a tensor');
  if (!ArrayType || !(data instanceof ArrayType)) throw refuse(`${kindOf(data)} data of dtype ${dtype}`);
  if (data.length !== sizeOf(shape))
    throw refuse(`${data.length} values for the shape [${shape.join(', ')}]`);
  return { dtype, shape, data };
}

function wrong(name: string, path: string, found: string): PengiError {
  return new PengiError('E_SHAPE', `argument ${path} of "${name}": expected an array, found ${found}`, {
    hint: 'make arrays with floats() and ints() of @pengi/core',
  });
}

function kindOf(value: unknown): string {
  return typeof value === 'object' ? (value?.constructor.name ?? 'object') : typeof value;
}

/** @throws PengiError E_USAGE, for a program that was disposed */
export function assertUsable(name: string, disposed: boolean): void {
  if (disposed) throw new PengiError('E_USAGE', `"${name}" was disposed and cannot run any more`);
}
