import { build } from '../../../scripts/assemblyscript.mjs';

await build(
  new URL('adam.as.ts', import.meta.url),
  new URL('../src/adam-wasm.ts', import.meta.url),
  'ADAM_WASM',
);
