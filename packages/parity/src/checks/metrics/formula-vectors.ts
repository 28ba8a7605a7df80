import { fnv1a } from '@pengi/core';
import type { Json } from '../../golden.js';
import type { Report } from '../../report.js';
import { fillOf, integersOf, u32 } from './formula.js';

/** The formula that the inputs of the other files come from: test vectors. */
export function checkFormula(json: Json, report: Report): void {
  for (const [text, hash] of Object.entries(json.fnv1a))
    report.equal(`hash of ${text}`, fnv1a(`${json.salt}/${text}`), hash);
  for (const [name, values] of Object.entries<number[]>(json.u32))
    report.equal(`stream ${name}`, [...u32(json.salt, name, values.length)], values);
  for (const [key, values] of Object.entries<number[]>(json.fill)) {
    const [, name, scale, offset = '0'] = /^(\S+) scale(\S+)(?: offset(\S+))?$/.exec(key)!;
    report.near(
      `fill ${key}`,
      fillOf(json.salt, name!, values.length, Number(scale), Number(offset)),
      values,
      0,
    );
  }
  for (const [name, values] of Object.entries<number[]>(json.randint_100))
    report.equal(`integers ${name}`, integersOf(json.salt, name, values.length, 100), values);
}
