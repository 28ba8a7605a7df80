import { describe, expect, it } from 'vitest';
import { createEngine } from '../create.js';
import type { Engine } from '../engine.js';
import { testEngine } from '../testing/contract.js';

// TensorFlow's libraries are hundreds of MB that a command of @pengi/tensorflow-native installs; `pnpm test:tensorflow` does.
const native = await createEngine('tensorflow').catch((error: Error) => error);

if (native instanceof Error && process.env.PENGI_REQUIRE_TENSORFLOW) throw native;
if (native instanceof Error) {
  console.warn(`SKIPPED: the contract of the engine "tensorflow", as ${native.message}`);
  it('says which command to run', () => {
    expect(native).toMatchObject({
      code: 'E_ENGINE',
      hint: expect.stringContaining('npx @pengi/tensorflow-native install'),
    });
  });
} else {
  const cpu: Engine = await createEngine('cpu');
  describe(`native TensorFlow (${native.description})`, () => {
    testEngine(
      () => native,
      () => cpu,
    );
  });
}
