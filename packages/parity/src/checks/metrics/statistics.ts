import {
  basicInterval,
  countExtreme,
  mcnemarTest,
  meanInterval,
  percentileInterval,
  signFlipTest,
  spread,
  wilsonInterval,
} from '@pengi/metrics';
import type { Json } from '../../golden.js';
import type { Report } from '../../report.js';
import { TOLERANCES } from '../../tolerances.js';
import { fillOf, integersOf, nearChecksum, u32 } from './formula.js';

const TOLERANCE = TOLERANCES.metrics.statistics;

/** Bootstrap, permutation and exact tests on resamples that the goldens fix. */
export function checkStatistics(json: Json, report: Report): void {
  const { salt, n } = json;
  const a = [...json.a].map(Number);
  const b = [...json.b].map(Number);
  report.equal(
    'a',
    Array.from(fillOf(salt, 'stats/a', n, 0.5, 0.5), (x) => (x < 0.72 ? 1 : 0)).join(''),
    json.a,
  );
  report.equal(
    'b',
    Array.from(fillOf(salt, 'stats/b', n, 0.5, 0.5), (x) => (x < 0.66 ? 1 : 0)).join(''),
    json.b,
  );
  report.number('mean of a', spread(a).mean, json.mean_a, TOLERANCE);
  report.number('mean of b', spread(b).mean, json.mean_b, TOLERANCE);

  const draws = Array.from({ length: json.boot_mean_a.B }, (_, i) =>
    integersOf(salt, `stats/boot/${i}`, n, n),
  );
  report.equal('first draw', draws[0]!.slice(0, json.boot_row0.length), json.boot_row0);
  nearChecksum(report, 'draws', draws.flat(), json.boot_index_checksum);
  const means = (values: readonly number[]) => draws.map((rows) => spread(rows.map((i) => values[i]!)).mean);
  const ofA = means(a);
  const ends = ({ low, high }: { low: number; high: number }) => [low, high];
  report.number('bootstrap mean', spread(ofA).mean, json.boot_mean_a.mean, TOLERANCE);
  report.number('bootstrap deviation', spread(ofA).deviation, json.boot_mean_a.std_ddof1, TOLERANCE);
  report.near(
    'percentile interval',
    ends(percentileInterval(ofA)),
    json.boot_mean_a.ci95_percentile_linear,
    TOLERANCE,
  );
  report.near(
    'basic interval',
    ends(basicInterval(json.mean_a, ofA)),
    json.boot_mean_a.ci95_basic,
    TOLERANCE,
  );
  const differences = a.map((value, i) => value - b[i]!);
  const ofDifference = means(differences);
  const paired = json.boot_paired_difference;
  report.number('paired bootstrap mean', spread(ofDifference).mean, paired.mean, TOLERANCE);
  report.near(
    'paired interval',
    ends(percentileInterval(ofDifference)),
    paired.ci95_percentile_linear,
    TOLERANCE,
  );

  const { P } = json.sign_flip;
  const signs = Array.from({ length: P }, (_, i) => u32(salt, `stats/flip/${i}`, n));
  const extreme = countExtreme(differences, P, (flip, item) => signs[flip]![item]! >>> 31 === 1);
  report.number(
    'sign flips: difference',
    Math.abs(spread(differences).mean),
    json.sign_flip.observed_abs_mean_diff,
    TOLERANCE,
  );
  report.equal('sign flips: extreme', extreme, json.sign_flip.count_ge);
  report.number('sign flips: p', (extreme + 1) / (P + 1), json.sign_flip.p_plus_one, TOLERANCE);
  report.number('sign flips: plain p', extreme / P, json.sign_flip.p_plain, TOLERANCE);
  const exact = signFlipTest(json.sign_flip_exact.values, { seed: 0 });
  report.equal(
    'exact sign flips: extreme',
    [exact.exact, exact.extreme],
    [true, json.sign_flip_exact.count_ge],
  );
  report.number('exact sign flips: p', exact.p, json.sign_flip_exact.p, TOLERANCE);

  const only = (first: number[], second: number[]) => first.filter((value, i) => value > second[i]!).length;
  const discordant = [only(b, a), only(a, b)] as const;
  report.equal('discordant', discordant, [json.mcnemar_exact.n01, json.mcnemar_exact.n10]);
  report.number('McNemar', mcnemarTest(...discordant).p, json.mcnemar_exact.p_two_sided, TOLERANCE);
  report.near('Wilson', ends(wilsonInterval(a.filter(Boolean).length, n)), json.wilson95, TOLERANCE);

  const folds = spread(json.fold_summary.scores);
  const { length } = json.fold_summary.scores;
  report.number('folds: mean', folds.mean, json.fold_summary.mean, TOLERANCE);
  report.number('folds: deviation', folds.deviation, json.fold_summary.std_ddof1, TOLERANCE);
  report.number(
    'folds: population deviation',
    folds.deviation * Math.sqrt((length - 1) / length),
    json.fold_summary.std_ddof0,
    TOLERANCE,
  );
  checkRealValued(json, report);
}

/** The file gives the sample by its checksum only; what follows from mean and deviation can be checked with any sample that has these. */
function checkRealValued({ real_valued: golden }: Json, report: Report): void {
  const { n } = golden.values_checksum;
  const shape = spread(Array.from({ length: n }, (_, i) => i));
  const sample = Array.from(
    { length: n },
    (_, i) => golden.mean + ((i - shape.mean) / shape.deviation) * golden.std_ddof1,
  );
  const { low, high } = meanInterval(sample);
  report.near("Student's interval", [low, high], golden.t_ci95, TOLERANCE);
  report.number('standard error', spread(sample).deviation / Math.sqrt(n), golden.sem, TOLERANCE);
}
