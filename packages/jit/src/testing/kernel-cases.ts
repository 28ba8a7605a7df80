/** One or more cases for every kernel that can be recorded: odd shapes, broadcasting, dtypes, scalars, nothing at all. */
import type { KernelCase } from './cases/case.js';
import { elementwiseCases } from './cases/elementwise.js';
import { emptyCases } from './cases/empty.js';
import { indexingCases } from './cases/indexing.js';
import { linalgCases } from './cases/linalg.js';
import { movementCases } from './cases/movement.js';
import { randomCases } from './cases/random.js';
import { reductionCases } from './cases/reduction.js';

export type { KernelCase } from './cases/case.js';

export const KERNEL_CASES: readonly KernelCase[] = [
  ...elementwiseCases,
  ...reductionCases,
  ...movementCases,
  ...linalgCases,
  ...indexingCases,
  ...emptyCases,
  ...randomCases,
];

export const DIFFERENTIABLE_CASES = KERNEL_CASES.filter(({ differentiable }) => differentiable);
