import { createEngine, defaultEngine, type Engine } from '@pengi/jit';
import type { Check } from './check.js';
import { checkFill } from './checks/fill.js';
import { checkFit, checkFrontend, checkResample } from './checks/g1-frontend.js';
import { checkHtsat } from './checks/g2-htsat.js';
import { checkClipText, checkClipTokenizer, checkGpt2Tokenizer } from './checks/g3-text.js';
import { checkGpt2 } from './checks/g4-gpt2.js';
import { checkMapper } from './checks/g5-mapper.js';
import { checkBeam } from './checks/g6-beam.js';
import { checkPengi } from './checks/g6-pengi.js';
import { checkClapTraining, checkPengiTraining, checkSchedule } from './checks/g7-training.js';
import { checkCheckpoints } from './checks/g8-checkpoints.js';
import { checkMsclap, checkTransformersClap } from './checks/g9-clap.js';
import { METRIC_CHECKS } from './checks/metrics/index.js';
import { openGolden } from './golden.js';
import { createReport, worstRow } from './report.js';

interface Kind {
  check?: Check;
  /** What this version does not have yet. */
  later?: string;
  /** Whether models of this kind are small enough to run in plain JavaScript as well. */
  eager?: (numbers: number) => boolean;
}

const small = (numbers: number) => numbers < 200_000;

/** What is known about goldens by the start of their name; the first match counts. */
const KINDS: [prefix: string, kind: Kind][] = [
  ['fill', { check: checkFill }],
  ['g1-frontend', { check: checkFrontend }],
  ['g1-resample', { check: checkResample }],
  ['g1-fit', { check: checkFit }],
  ['g2-htsat-', { check: checkHtsat, eager: small }],
  ['g3-tokenizer-clip', { check: checkClipTokenizer }],
  ['g3-tokenizer-gpt2', { check: checkGpt2Tokenizer }],
  ['g3-clip-text', { check: checkClipText }],
  ['g4-gpt2-', { check: checkGpt2 }],
  ['g5-mapper-', { check: checkMapper, eager: small }],
  ['g6-beam', { check: checkBeam }],
  ['g6-pengi-', { check: checkPengi }],
  ['g7-clap-', { check: checkClapTraining, eager: small }],
  ['g7-pengi-', { check: checkPengiTraining, eager: small }],
  ['g7-schedule', { check: checkSchedule }],
  ['g8-checkpoints', { check: checkCheckpoints }],
  ['g9-msclap-', { check: checkMsclap }],
  ['g9-hf-clap', { check: checkTransformersClap }],
  ...METRIC_CHECKS.map(([prefix, check]): [string, Kind] => [prefix, { check }]),
];

export interface Outcome {
  status: 'passed' | 'failed' | 'skipped';
  line: string;
  details: string[];
}

/** Checks one golden on the jit engine and, where its model is small, op by op in plain JavaScript. */
export async function* checkGolden(folder: string, name: string): AsyncGenerator<Outcome> {
  const kind = KINDS.find(([prefix]) => name.startsWith(prefix))?.[1];
  if (!kind)
    return yield { status: 'failed', line: line('FAIL', name, 'an unknown kind of golden'), details: [] };
  if (!kind.check) return yield { status: 'skipped', line: line('skip', name, kind.later!), details: [] };
  yield* run(folder, name, name, kind.check, await defaultEngine());
  if (kind.eager && isSmall(folder, name, kind.eager))
    yield* run(folder, name, `${name} (cpu)`, kind.check, await createEngine('cpu'));
}

async function* run(
  folder: string,
  name: string,
  label: string,
  check: Check,
  engine: Engine,
): AsyncGenerator<Outcome> {
  const report = createReport();
  const problems: string[] = [];
  let skipped: string | undefined;
  try {
    const golden = openGolden(folder, name);
    skipped = ((await check(golden, report, engine)) as { skipped: string } | undefined)?.skipped;
    const unread = golden.unread();
    if (unread.length > 0)
      problems.push(`${unread.length} keys not understood: ${unread.slice(0, 5).join(', ')}`);
    if (report.rows.length === 0 && !skipped) problems.push('nothing was compared');
  } catch (error) {
    problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  const misses = report.rows.filter(({ error, tolerance }) => !(error <= tolerance));
  const failed = misses.length > 0 || problems.length > 0;
  const describe = ({ what, error, tolerance }: { what: string; error: number; tolerance: number }) =>
    `${what}: ${error.toPrecision(3)}, tolerance ${tolerance.toPrecision(3)}`;
  const worst = worstRow(report.rows);
  const summary = `${String(report.rows.length).padStart(5)} compared${worst ? `, worst ${describe(worst)}` : ''}`;
  if (report.rows.length > 0 || problems.length > 0)
    yield {
      status: failed ? 'failed' : 'passed',
      line: line(failed ? 'FAIL' : 'pass', label, summary),
      details: [...problems, ...(failed ? misses.slice(0, 20) : report.rows).map(describe)],
    };
  if (skipped) yield { status: 'skipped', line: line('skip', label, skipped), details: [] };
}

function isSmall(folder: string, name: string, test: (numbers: number) => boolean): boolean {
  try {
    const { tensors } = openGolden(folder, name).manifest();
    return test(tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0));
  } catch {
    return false; // the check itself says what is wrong
  }
}

function line(status: string, name: string, text: string): string {
  return `${status}   ${name.padEnd(31)} ${text}`;
}
