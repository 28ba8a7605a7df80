import { describe, expect, it } from 'vitest';
import { createEngine } from '../create.js';
import type { Engine } from '../engine.js';
import { testEngine } from '../testing/contract.js';

// tfjs-node's binding comes from outside of the package registries, so most machines do not have it.
const native = await createEngine('tensorflow').catch((error: Error) => error);

if (native instanceof Error) {
  console.warn(`SKIPPED: the contract of the engine "tensorflow", as ${native.message}`);
  it('says which package to add', () => {
    expect(native).toMatchObject({
      code: 'E_ENGINE',
      hint: expect.stringContaining('@tensorflow/tfjs-node'),
    });
  });
} else {
  const cpu: Engine = await createEngine('cpu');
  describe('native TensorFlow', () => {
    testEngine(
      () => native,
      () => cpu,
    );
  });
}
