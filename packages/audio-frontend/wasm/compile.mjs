import { readFileSync } from 'node:fs';
import asc from 'assemblyscript/asc';

const SOURCE = 'log-mel.as.ts';
const FLAGS = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--memoryBase', '1024'];

/** The module's bytes. */
export async function compile() {
  const source = readFileSync(new URL(SOURCE, import.meta.url), 'utf8');
  let binary;
  const { error, stderr } = await asc.main([SOURCE, '--outFile', 'out.wasm', ...FLAGS], {
    readFile: (name) => (name === SOURCE ? source : null),
    writeFile: (_name, content) => {
      binary = content;
    },
    listFiles: () => [],
  });
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  return Buffer.from(binary);
}
