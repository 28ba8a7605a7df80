// `pnpm test:packed`: builds and packs every public package, installs the tarballs with plain npm in a fresh project
// outside of the workspace, and uses them there: every export is imported and type-checked, @pengi/clap embeds a wav in
// ten lines, and the `pengi` command answers.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pnpm } from './pnpm.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const project = mkdtempSync(join(tmpdir(), 'pengi-packed-'));
const tarballs = join(project, 'tarballs');
mkdirSync(tarballs);

try {
  if (pnpm(['run', 'build']) !== 0) throw new Error('the build failed');

  const packages = ['packages', 'apps']
    .flatMap((group) => readdirSync(join(root, group)).map((name) => join(root, group, name)))
    .filter((folder) => existsSync(join(folder, 'package.json')))
    .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) }))
    .filter(({ manifest }) => !manifest.private);
  for (const { folder } of packages)
    if (pnpm(['--dir', folder, 'pack', '--pack-destination', tarballs]) !== 0) throw new Error(`packing ${folder} failed`);

  // npm resolves `^0.0.0` of siblings to the tarballs that are installed beside them.
  const files = readdirSync(tarballs).map((name) => join(tarballs, name));
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }));
  const npm = (...args) =>
    execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd: project, stdio: 'inherit' });
  // onnxruntime-node's own install script asks a host outside of the registries for CUDA files; nothing here needs it.
  npm('install', '--ignore-scripts', ...files, 'typescript@5.9', '@types/node@20');

  const specifiers = packages.flatMap(({ manifest }) =>
    Object.keys(manifest.publishConfig.exports).map((path) => manifest.name + path.slice(1)),
  );
  writeFileSync(
    join(project, 'imports.mjs'),
    `for (const name of ${JSON.stringify(specifiers)}) {
  const exported = Object.keys(await import(name));
  if (exported.length === 0) throw new Error(name + ' exports nothing');
  console.log(name.padEnd(28) + exported.length + ' exports');
}`,
  );
  run('imports.mjs');

  writeFileSync(join(project, 'types.ts'), specifiers.map((name, i) => `import * as m${i} from '${name}';\nexport const k${i} = Object.keys(m${i});\n`).join(''));
  const tsc = ['tsc', '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--skipLibCheck', 'false', 'types.ts'];
  execFileSync('npx', tsc, { cwd: project, stdio: 'inherit' });
  console.log('types of every export: no complaint');

  cpSync(join(root, 'packages/parity/fixtures/example.wav'), join(project, 'example.wav'));
  writeFileSync(join(project, 'make-model.mjs'), MAKE_MODEL);
  run('make-model.mjs');
  writeFileSync(join(project, 'embed.mjs'), readme('packages/clap/README.md', 'embed.mjs'));
  run('embed.mjs');
  execFileSync('npx', ['pengi', '--version'], { cwd: project, stdio: 'inherit' });
  execFileSync('npx', ['pengi', 'doctor'], { cwd: project, stdio: 'inherit' });
  execFileSync('npx', ['pengi', 'embed', 'example.wav', '--model', 'clap-model'], { cwd: project, stdio: 'inherit' });
  console.log(`packed: ${packages.length} packages installed and used`);
} finally {
  rmSync(project, { recursive: true, force: true });
}

function run(file) {
  execFileSync(process.execPath, [file], { cwd: project, stdio: 'inherit' });
}
