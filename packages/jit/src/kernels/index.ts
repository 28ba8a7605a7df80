import { elementwise } from './elementwise.js';
import { indexing } from './indexing.js';
import type { Kernel } from './kernel.js';
import { linalg } from './linalg.js';
import { movement } from './movement.js';
import { random } from './random.js';
import { reduction } from './reduction.js';

/** Every TensorFlow.js kernel that can be recorded. Gradients need no others: they are made of the same kernels. */
export const KERNELS: Record<string, Kernel> = {
  ...elementwise,
  ...reduction,
  ...movement,
  ...linalg,
  ...indexing,
  ...random,
};
