/**
 * Trees: nested plain objects and arrays whose leaves have a `shape` (arrays, tensors, parameter specs). A leaf's path
 * is its keys joined by dots, which is its official parameter name: `h.0.attn.c_attn.weight`.
 */
export interface Leaf {
  readonly shape: readonly number[];
}

export type Tree<L extends Leaf> = L | { readonly [key: string]: Tree<L> | undefined } | readonly Tree<L>[];

/** The tree type `T` with its leaves of type `From` replaced by `To`. */
export type MapLeaves<T, From, To> = T extends From ? To : { [K in keyof T]: MapLeaves<T[K], From, To> };

export function isLeaf(node: unknown): node is Leaf {
  return typeof node === 'object' && node !== null && Array.isArray((node as { shape?: unknown }).shape);
}

/** The leaves with their paths, depth first, in the order of the keys. Undefined members are left out. */
export function leaves<L extends Leaf>(tree: Tree<L>): [path: string, leaf: L][] {
  const found: [string, L][] = [];
  walk(tree, '', (path, leaf) => found.push([path, leaf as L]));
  return found;
}

/** The leaves by path. */
export function flatten<L extends Leaf>(tree: Tree<L>): Record<string, L> {
  return Object.fromEntries(leaves(tree));
}

/** A tree of the same structure with every leaf replaced by `f(leaf, path)`. */
export function mapTree<From extends Leaf, To, T>(
  tree: T & Tree<From>,
  f: (leaf: From, path: string) => To,
): MapLeaves<T, From, To> {
  return mapNode(tree, '', f as (leaf: Leaf, path: string) => To) as MapLeaves<T, From, To>;
}

/** `mapTree` without its types, for code that is generic over trees: the caller says what the result is. */
export function rebuildTree<Result>(template: unknown, f: (path: string, leaf: Leaf) => unknown): Result {
  return mapNode(template, '', (leaf, path) => f(path, leaf)) as Result;
}

function mapNode(node: unknown, path: string, f: (leaf: Leaf, path: string) => unknown): unknown {
  if (isLeaf(node)) return f(node, path);
  if (Array.isArray(node)) return node.map((child, i) => mapNode(child, join(path, String(i)), f));
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).map(([key, child]) => [key, mapNode(child, join(path, key), f)]),
  );
}

function walk(node: unknown, path: string, visit: (path: string, leaf: Leaf) => void): void {
  if (isLeaf(node)) visit(path, node);
  else if (typeof node === 'object' && node !== null)
    for (const [key, child] of Object.entries(node)) walk(child, join(path, key), visit);
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/**
 * A test of paths for patterns such as `caption_decoder.gpt.**`: `*` is one key, `**` any number of keys, a pattern
 * also matches everything below what it names.
 */
export function pathMatcher(patterns: readonly string[]): (path: string) => boolean {
  const tests = patterns.map((pattern) => {
    const source = pattern
      .split('.')
      .map((key) => (key === '**' ? '.+' : key.split('*').map(escapeRegExp).join('[^.]*')))
      .join('\\.');
    return new RegExp(`^${source}(\\.|$)`);
  });
  return (path) => tests.some((test) => test.test(path));
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
