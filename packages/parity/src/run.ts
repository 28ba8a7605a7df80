import { defaultEngine } from '@pengi/jit';
import type { Check } from './check.js';
import { checkFill } from './checks/fill.js';
import { checkHtsat } from './checks/g2-htsat.js';
import { checkGpt2 } from './checks/g4-gpt2.js';
import { checkMapper } from './checks/g5-mapper.js';
import { checkBeam } from './checks/g6-beam.js';
import { openGolden } from './golden.js';
import { createReport, worstRow } from './report.js';

/** What is known about goldens by the start of their name; the first match counts. */
const CHECKS: [prefix: string, check: Check | { later: string }][] = [
  ['fill', checkFill],
  ['g2-htsat-', checkHtsat],
  ['g4-gpt2-', checkGpt2],
  ['g5-mapper-', checkMapper],
  ['g6-beam', checkBeam],
  ['g9-', { later: 'other models of the family' }],
  ['metrics', { later: 'caption and classification metrics' }],
];

export function checkFor(name: string): Check | { later: string } | undefined {
  return CHECKS.find(([prefix]) => name.startsWith(prefix))?.[1];
}

export interface Outcome {
  status: 'passed' | 'failed' | 'skipped';
  line: string;
  details: string[];
}

export async function runCheck(
  folder: string,
  name: string,
  check: Check | { later: string } | undefined,
): Promise<Outcome> {
  const label = name.padEnd(30);
  if (check === undefined)
    return { status: 'failed', line: `FAIL   ${label} an unknown kind of golden`, details: [] };
  if (typeof check === 'object')
    return {
      status: 'skipped',
      line: `skip   ${label} ${check.later} are not part of this version`,
      details: [],
    };

  const report = createReport();
  const problems: string[] = [];
  try {
    const golden = openGolden(folder, name);
    const skipped = await check(golden, report, await defaultEngine());
    const unread = golden.unread();
    if (unread.length > 0)
      problems.push(`${unread.length} keys not understood: ${unread.slice(0, 5).join(', ')}`);
    if (report.rows.length === 0 && !skipped) problems.push('nothing was compared');
  } catch (error) {
    problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  const misses = report.rows.filter(({ error, tolerance }) => !(error <= tolerance));
  const worst = worstRow(report.rows);
  const summary = worst
    ? `${String(report.rows.length).padStart(5)} compared, worst ${worst.what}: ${worst.error.toPrecision(3)} of ${worst.tolerance.toPrecision(2)}`
    : 'nothing compared';
  const failed = misses.length > 0 || problems.length > 0;
  return {
    status: failed ? 'failed' : 'passed',
    line: `${failed ? 'FAIL' : 'pass'}   ${label} ${summary}`,
    details: [
      ...problems,
      ...(failed ? misses.slice(0, 20) : report.rows).map(
        ({ what, error, tolerance }) =>
          `${what}: ${error.toPrecision(3)}, tolerance ${tolerance.toPrecision(2)}`,
      ),
    ],
  };
}
