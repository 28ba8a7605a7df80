import type { TensorSource } from '@pengi/checkpoint';

/** The shapes of a checkpoint's tensors below some name. */
export interface Shapes {
  has(name: string): boolean;
  /** A size of one tensor; undefined where there is no such tensor or dimension. */
  dim(name: string, axis: number): number | undefined;
  /** How many members are numbered `name.0.`, `name.1.`, … without a gap. */
  count(name: string): number;
  below(prefix: string): Shapes;
}

/** @param rename gives the official name of a tensor of the file */
export function shapesOf(
  tensors: TensorSource['tensors'],
  rename: (name: string) => string = (name) => name,
): Shapes {
  const shapes = new Map([...tensors].map(([name, { shape }]) => [rename(name), shape]));
  const members = new Set<string>(); // every beginning of a name that ends before a dot
  for (const name of shapes.keys())
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1))
      members.add(name.slice(0, dot));
  const at = (prefix: string): Shapes => ({
    has: (name) => shapes.has(prefix + name),
    dim: (name, axis) => shapes.get(prefix + name)?.[axis],
    count(name) {
      let found = 0;
      while (members.has(`${prefix}${name}.${found}`)) found++;
      return found;
    },
    below: (more) => at(prefix + more),
  });
  return at('');
}
