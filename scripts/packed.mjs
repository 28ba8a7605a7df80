// `pnpm test:packed`: builds and packs every public package and installs the tarballs with plain npm in a fresh project
// outside of the workspace. First @pengi/clap with what it depends on, where the example of its README embeds a wav; then
// the others: every export is imported and type-checked, and the `pengi` command answers.
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pnpm } from './pnpm.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const project = mkdtempSync(join(tmpdir(), 'pengi-packed-'));
const tarballs = join(project, 'tarballs');
mkdirSync(tarballs);

/** Makes a CLAP of random weights, as no trained one is part of the repository, and a recording. */
const MAKE_FILES = `
import { writeFileSync } from 'node:fs';
import { encodeWav } from '@pengi/audio-frontend';
import { saveModelFolder } from '@pengi/checkpoint';
import { CLAP_PAPER, clapSpec } from '@pengi/clap';
import { initParams } from '@pengi/nn';
const config = {
  ...CLAP_PAPER,
  audio: { ...CLAP_PAPER.audio, embedDim: 16, depths: [1, 1], heads: [2, 4] },
  text: { ...CLAP_PAPER.text, width: 32, hidden: 64, layers: 1, heads: 2, projection: 32 },
  embedding: 32,
};
const card = { title: 'Random CLAP', text: 'Knows nothing.', licence: 'MIT' };
const samples = Float32Array.from({ length: 88200 }, (_, n) => 0.3 * Math.sin(n / 16));
writeFileSync('dog.wav', encodeWav({ channels: [samples], sampleRate: 44100 }));
await saveModelFolder('clap-model', { config, tensors: initParams(clapSpec(config), 0), card });
`;

try {
  if (pnpm(['run', 'build']) !== 0) throw new Error('the build failed');
  const packages = publicPackages();
  for (const { folder } of Object.values(packages))
    if (pnpm(['--dir', folder, 'pack', '--pack-destination', tarballs]) !== 0)
      throw new Error(`packing ${folder} failed`);

  write('package.json', JSON.stringify({ name: 'stranger', private: true, type: 'module' }));
  install(closure('@pengi/clap', packages), []);
  write('make-files.mjs', MAKE_FILES);
  run('node', 'make-files.mjs');
  write('embed.mjs', firstExample('packages/clap/README.md'));
  run('node', 'embed.mjs');

  install(Object.keys(packages), ['typescript@5.9', '@types/node@20']);
  const specifiers = Object.values(packages).flatMap(({ manifest }) =>
    Object.keys(manifest.publishConfig.exports)
      .filter((path) => !path.endsWith('.json'))
      .map((path) => manifest.name + path.slice(1)),
  );
  write('imports.mjs', importEach(specifiers));
  run('node', 'imports.mjs');
  write('types.ts', specifiers.map((name, i) => `export * as m${i} from '${name}';\n`).join(''));
  run('npx', 'tsc', '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', 'types.ts');
  console.log('types of every export: no complaint');

  run('npx', 'pengi', '--version');
  run('npx', 'pengi', 'doctor');
  run('npx', 'pengi', 'embed', 'dog.wav', '--model', 'clap-model');
  console.log(`packed: ${Object.keys(packages).length} packages installed and used`);
} finally {
  rmSync(project, { recursive: true, force: true });
}

/** Folder and manifest of each package that is published, by name. */
function publicPackages() {
  const folders = ['packages', 'apps']
    .flatMap((group) => readdirSync(join(root, group)).map((name) => join(root, group, name)))
    .filter((folder) => existsSync(join(folder, 'package.json')));
  return Object.fromEntries(
    folders
      .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) }))
      .filter(({ manifest }) => !manifest.private)
      .map((entry) => [entry.manifest.name, entry]),
  );
}

/** A package and everything of the workspace that it depends on. */
function closure(name, packages, found = new Set()) {
  if (packages[name] && !found.has(name)) {
    found.add(name);
    for (const dependency of Object.keys(packages[name].manifest.dependencies ?? {}))
      closure(dependency, packages, found);
  }
  return [...found];
}

/** npm resolves the siblings that a package depends on to the tarballs installed beside it. */
function install(names, others) {
  const files = readdirSync(tarballs);
  const tarballOf = (name) => {
    const start = `${name.replace('@', '').replace('/', '-')}-`;
    return join(
      tarballs,
      files.find((file) => file.startsWith(start) && /^\d/.test(file.slice(start.length))),
    );
  };
  // onnxruntime-node's own install script asks a host outside of the registries for CUDA files; nothing here needs it.
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  run('npm', 'install', ...flags, ...names.map(tarballOf), ...others);
}

function firstExample(readme) {
  const code = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, readme), 'utf8'));
  if (!code) throw new Error(`${readme} holds no example`);
  return code[1];
}

function importEach(specifiers) {
  return `for (const name of ${JSON.stringify(specifiers)}) {
  const exported = Object.keys(await import(name));
  if (exported.length === 0) throw new Error(name + ' exports nothing');
  console.log(name.padEnd(28) + exported.length + ' exports');
}`;
}

function write(name, content) {
  writeFileSync(join(project, name), content);
}

function run(program, ...args) {
  execFileSync(program, args, { cwd: project, stdio: 'inherit', shell: process.platform === 'win32' });
}
