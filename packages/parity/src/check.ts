import type { Engine } from '@pengi/jit';
import type { Golden } from './golden.js';
import type { Report } from './report.js';

/**
 * Compares one golden. What it does not understand it must leave unread or throw at; both are failures. What belongs to a
 * later version is named: then the check returns `{skipped: "what"}`.
 */
export type Check = (golden: Golden, report: Report, engine: Engine) => Promise<unknown>;
