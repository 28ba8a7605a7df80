import { createRng, isPengiError } from '@pengi/core';
import { expect, it } from 'vitest';
import { parseSafetensors } from './parse.js';
import { sample } from './testing/craft.js';
import { mutateSafetensors } from './testing/mutate-safetensors.js';

it('5,000 mutants of a valid file give values or a typed error, never another one', () => {
  const rng = createRng(20_260_101);
  const outcomes = new Map<string, number>();
  const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  for (let i = 0; i < 5000; i++) {
    const bytes = mutateSafetensors(sample(), rng);
    try {
      const file = parseSafetensors(bytes);
      for (const name of file.tensors.keys()) file.read(name);
      for (const name of file.tensors.keys()) file.array(name);
      count('accepted');
    } catch (error) {
      if (!isPengiError(error)) throw new Error(`mutant ${i} of seed 20260101`, { cause: error });
      count(error.message.replace(/"[^"]*"|\[.*\]|[\d,.-]+/g, '_'));
    }
  }
  // The mutations reach behind the first checks: some leave a valid file, the others fail in many ways.
  expect(outcomes.get('accepted')).toBeGreaterThan(100);
  expect(outcomes.size).toBeGreaterThan(15);
});
