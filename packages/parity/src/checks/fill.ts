import { fnv1a } from '@pengi/core';
import type { Check } from '../check.js';
import { fill } from '../fill.js';

/** The rule that everything else rests on: test vectors, bit for bit. */
export const checkFill: Check = async ({ json }, report) => {
  for (const [i, vector] of json.vectors.entries()) {
    const {
      salt,
      name,
      scale,
      offset,
      from = 0,
      values,
      f32_bits: bits,
      h0,
      sum_f64_of_100003: sum,
    } = vector;
    const actual = fill(salt, name, [values.length], scale, offset, from);
    report.near(`vector ${i}`, actual, values, 0);
    if (bits) report.equal(`vector ${i}: bits`, [...new Uint32Array(actual.data.buffer)], bits);
    if (h0 !== undefined) report.equal(`vector ${i}: hash`, fnv1a(`${salt}/${name}`), h0);
    if (sum !== undefined) {
      const total = fill(salt, name, [100_003], scale, offset).data.reduce((a, b) => a + b, 0);
      report.number(`vector ${i}: sum`, total, sum, 1e-9);
    }
  }
};
