import { beforeAll } from 'vitest';
import { createEngine } from '../create.js';
import type { Engine } from '../engine.js';
import { testEngine } from '../testing/contract.js';

let wasm: Engine;
let cpu: Engine;
beforeAll(async () => {
  wasm = await createEngine('wasm');
  cpu = await createEngine('cpu');
});

testEngine(
  () => wasm,
  () => cpu,
);
