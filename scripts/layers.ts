// The layer check: a package imports only packages of lower layers (or those listed for its own layer), declares what it
// imports, and declares nothing that it does not import. Run by `pnpm layers`.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** Bottom to top. `core` lies below everything; a package may import any package of a smaller number. */
const LAYERS: Record<string, number> = {
  '@pengi/core': -1,
  '@pengi/nn': 0,
  '@pengi/checkpoint': 0,
  '@pengi/metrics': 0,
  '@pengi/audio-frontend': 0,
  '@pengi/mpi': 0,
  '@pengi/tensorboard': 0,
  '@pengi/jit': 1,
  '@pengi/tensorflow-native': 1,
  '@pengi/datasets': 1,
  '@pengi/report': 1,
  '@pengi/htsat': 2,
  '@pengi/gpt2': 2,
  '@pengi/prefix-mapper': 2,
  '@pengi/clap': 3,
  '@pengi/train': 3,
  pengi: 4,
  '@pengi/bench': 4,
  '@pengi/cli': 5,
  '@pengi/parity': 5,
  '@pengi/benchmarks': 6,
};

/** Imports that a layer number alone would allow but the design does not. */
const FORBIDDEN: Record<string, string[]> = {
  '@pengi/bench': ['pengi'], // it evaluates any model, through its Predictor interface
  '@pengi/checkpoint': ['@pengi/nn'], // it knows no engine
  '@pengi/audio-frontend': ['@pengi/nn', '@tensorflow/tfjs-core'], // typed arrays only
};

/** A model's maths never imports an engine. */
const ENGINE_FREE = ['model.ts', 'params.ts', 'config.ts'];

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const problems: string[] = [];

for (const group of ['packages', 'apps', 'benchmarks']) {
  if (!existsSync(join(root, group))) continue;
  const folders = existsSync(join(root, group, 'package.json'))
    ? [group]
    : readdirSync(join(root, group)).map((name) => join(group, name));
  for (const folder of folders) if (existsSync(join(root, folder, 'package.json'))) check(folder);
}

if (problems.length > 0) {
  console.error(problems.join('\n'));
  console.error(`layers: ${problems.length} problems`);
  process.exit(1);
}
console.log(`layers: ${Object.keys(LAYERS).length} packages known, no problem`);

function check(folder: string): void {
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as {
    name: string;
    dependencies?: Record<string, string>;
    peerDependencies?: Record<string, string>;
    optionalDependencies?: Record<string, string>;
    devDependencies?: Record<string, string>;
    /** Dependencies that are resolved by name at run time rather than imported, with the reason in the package's README. */
    resolvedAtRunTime?: string[];
  };
  const layer = LAYERS[manifest.name];
  if (layer === undefined)
    return void problems.push(`${folder}: "${manifest.name}" has no layer in scripts/layers.ts`);

  const declared = new Set(
    Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies }),
  );
  const developing = new Set(Object.keys(manifest.devDependencies ?? {}));
  const used = new Set<string>();

  for (const file of sources(join(root, folder, 'src'))) {
    const test = /\.test\.ts$|\/testing\//.test(file);
    for (const specifier of imports(file)) {
      if (specifier.startsWith('.') || specifier.startsWith('node:') || builtinModules.includes(specifier))
        continue;
      const name = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');
      if (name === manifest.name) continue;
      used.add(name);
      const where = relative(root, file);
      if (!declared.has(name) && !(test && (developing.has(name) || ['vitest', 'fast-check'].includes(name))))
        problems.push(`${where}: imports "${name}", which ${folder}/package.json does not declare`);
      const target = LAYERS[name];
      if (target !== undefined && target >= layer && !test)
        problems.push(`${where}: layer ${layer} imports "${name}" of layer ${target}`);
      if (FORBIDDEN[manifest.name]?.includes(name)) problems.push(`${where}: must not import "${name}"`);
      if (layer >= 2 && name === '@pengi/jit' && ENGINE_FREE.some((end) => file.endsWith(`/${end}`)))
        problems.push(`${where}: a model's maths must not import an engine`);
    }
  }
  for (const name of declared)
    if (!used.has(name) && !manifest.resolvedAtRunTime?.includes(name))
      problems.push(`${folder}/package.json: declares "${name}", which nothing imports`);
}

function sources(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

/** All module specifiers of a file: static and dynamic imports, re-exports and type imports. */
function imports(file: string): string[] {
  return ts
    .preProcessFile(readFileSync(file, 'utf8'), true, true)
    .importedFiles.map((found) => found.fileName);
}
