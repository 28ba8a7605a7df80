// Compiles log-mel.as.ts and writes src/log-mel-wasm.ts.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compile } from './compile.mjs';

const target = fileURLToPath(new URL('../src/log-mel-wasm.ts', import.meta.url));
const lines = (await compile()).toString('base64').match(/.{1,100}/g);
const text = `// Made by wasm/build.mjs out of wasm/log-mel.as.ts; not to be edited.
export const LOG_MEL_WASM =
  '${lines.join("' +\n  '")}';
`;
writeFileSync(target, text);
console.log(`${target}: ${text.length} bytes`);
