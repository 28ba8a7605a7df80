import { build } from '../../../scripts/assemblyscript.mjs';

const target = new URL('../src/log-mel-wasm.ts', import.meta.url);
await build(new URL('log-mel.as.ts', import.meta.url), target, 'LOG_MEL_WASM');
