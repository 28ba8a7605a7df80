import type { Engine } from '@pengi/jit';
import type { Golden } from './golden.js';
import type { Report } from './report.js';

/** Compares one golden. What it does not understand it must leave unread or throw at; both are failures. */
// biome-ignore lint/suspicious/noConfusingVoidType: most checks return nothing; true says "nothing to compare here"
export type Check = (golden: Golden, report: Report, engine: Engine) => Promise<void | true>;
