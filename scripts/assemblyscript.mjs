// Compiles AssemblyScript to WebAssembly with SIMD, and keeps it as base64 in a module beside the sources that use it.
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const FLAGS = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--memoryBase', '1024'];

/** The bytes of the module that the file of a URL compiles to. */
export async function compile(source) {
  const name = basename(fileURLToPath(source));
  const text = readFileSync(source, 'utf8');
  let binary;
  const { error, stderr } = await asc.main([name, '--outFile', 'out.wasm', ...FLAGS], {
    readFile: (wanted) => (wanted === name ? text : null),
    writeFile: (_name, content) => {
      binary = content;
    },
    listFiles: () => [],
  });
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  return Buffer.from(binary);
}

/** Writes the module, as the constant `name`, to the file of the URL `target`. */
export async function build(source, target, name) {
  const lines = (await compile(source)).toString('base64').match(/.{1,100}/g);
  const text = `// Made by wasm/build.mjs out of wasm/${basename(fileURLToPath(source))}; not to be edited.
export const ${name} =
  '${lines.join("' +\n  '")}';
`;
  writeFileSync(target, text);
  console.log(`${fileURLToPath(target)}: ${text.length} bytes`);
}
