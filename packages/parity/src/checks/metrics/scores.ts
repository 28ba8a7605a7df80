import {
  accuracy,
  argmax,
  type ClassMeans,
  classificationReport,
  confusionMatrix,
  decide,
  decideOne,
  dPrime,
  type EventPair,
  type EventReport,
  eventScores,
  macroF1,
  meanAveragePrecision,
  meanDPrime,
  meanRocAuc,
  microAveragePrecision,
  microF1,
  samplesAveragePrecision,
  segmentScores,
  taggingReport,
  topKAccuracy,
} from '@pengi/metrics';
import type { Json } from '../../golden.js';
import type { Report } from '../../report.js';
import { TOLERANCES } from '../../tolerances.js';
import { fillOf, integersOf, nearChecksum, nearOrSame, numbersOf, roundHalfEven, rowsOf } from './formula.js';

const TOLERANCE = TOLERANCES.metrics.scores;

/** Single-label, multi-label and sound-event scores: scikit-learn's and sed_eval's. */
export function checkClassification(json: Json, report: Report): void {
  for (const [i, set] of json.multiclass.entries()) checkMulticlass(set, report, `multiclass ${i}`);
  for (const [i, set] of json.multilabel.entries()) checkMultilabel(set, report, `multilabel ${i}`);
  if (json.edge) checkMultilabel(json.edge, report, 'edge');
  json.by_formula?.forEach((set: Json) => {
    const labels = integersOf(json.salt, `${set.name}/label`, set.n, set.classes);
    const scores = rowsOf(fillOf(json.salt, `${set.name}/score`, set.n * set.classes), set.classes).map(
      (row, i) => row.map((score, k) => roundHalfEven((score + (k === labels[i] ? 0.75 : 0)) * 64) / 64),
    );
    nearChecksum(report, `${set.name}: labels`, labels, set.labels_checksum);
    nearChecksum(report, `${set.name}: scores`, scores.flat(), set.scores_checksum);
    checkMulticlass({ ...set, labels, scores, auc_macro_present_only: set.auc_macro }, report, set.name);
  });
  if (json.sed_eval) checkEvents(json.sed_eval, report);
}

function checkMulticlass(set: Json, report: Report, what: string): void {
  const { labels, scores } = set;
  const classes = Array.from({ length: set.classes }, (_, k) => k);
  const predicted = scores.map(argmax);
  const targets = labels.map((label: number) => classes.map((k) => (k === label ? 1 : 0)));
  const near = (name: string, actual: number, expected: unknown) => {
    if (expected !== undefined) nearOrSame(report, `${what}: ${name}`, actual, expected, TOLERANCE);
  };
  const nearAll = (name: string, actual: readonly number[], expected: readonly unknown[] = []) => {
    for (const [k, value] of expected.entries())
      nearOrSame(report, `${what}: ${name} ${k}`, actual[k] ?? 0, value, TOLERANCE);
  };

  if (set.pred_argmax_first) report.equal(`${what}: argmax`, predicted, set.pred_argmax_first);
  if (set.confusion)
    report.equal(
      `${what}: confusion`,
      confusionMatrix(predicted, labels, classes).counts.map((row) => row.slice(0, -1)),
      set.confusion,
    );
  for (const [k, value] of Object.entries(set.topk_accuracy_stable ?? {}))
    near(`top-${k} accuracy`, topKAccuracy(scores, labels, Number(k)), value);
  const all = classificationReport(predicted, labels, classes);
  const seen = classes.filter((k) => labels.includes(k) || predicted.includes(k));
  near('accuracy', accuracy(predicted, labels), set.accuracy);
  near('macro precision', all.macro.precision, set.precision_macro_all_labels);
  near('macro recall', all.macro.recall, set.recall_macro_all_labels);
  near('macro F1', macroF1(predicted, labels, classes), set.f1_macro_all_labels ?? set.f1_macro);
  near('macro F1 of labels seen', macroF1(predicted, labels, seen), set.f1_macro_labels_seen);
  near('micro F1', microF1(predicted, labels, classes), set.f1_micro);
  near('weighted F1', all.weightedF1, set.f1_weighted);
  near('balanced accuracy', all.balancedAccuracy, set.balanced_accuracy);
  nearAll(
    'F1',
    all.perClass.map(({ f1 }) => f1),
    set.f1_per_class,
  );
  const precisions = meanAveragePrecision(scores, targets);
  const areas = meanRocAuc(scores, targets);
  nearAll('AP', precisions.perClass, set.ap_per_class);
  near('mAP', precisions.mean, set.mAP_present_only);
  near('mAP, absent as 0', precisions.absentAsZero, set.mAP_sklearn_macro);
  nearAll('AUC', areas.perClass, set.auc_per_class);
  near('mean AUC', areas.mean, set.auc_macro_present_only);
}

function checkMultilabel(set: Json, report: Report, what: string): void {
  const { scores } = set;
  const targets: number[][] = set.y.map((row: string | number[]) => Array.from(row, Number));
  const near = (name: string, actual: number, expected: unknown) =>
    nearOrSame(report, `${what}: ${name}`, actual, expected, TOLERANCE);
  const nearAll = (name: string, { perClass }: ClassMeans, expected: readonly unknown[]) => {
    report.equal(`${what}: ${name}, classes`, perClass.length, expected.length);
    for (const [k, value] of perClass.entries()) near(`${name} ${k}`, value, expected[k]);
  };
  const precisions = meanAveragePrecision(scores, targets);
  const areas = meanRocAuc(scores, targets);
  const distances = meanDPrime(scores, targets);
  const finite = distances.perClass.filter(Number.isFinite);
  nearAll('AP', precisions, set.ap_per_class);
  nearAll('AUC', areas, set.auc_per_class);
  nearAll("d'", distances, set.d_prime_per_class);
  near('mAP', precisions.mean, set.mAP_present_only);
  near('mAP, absent as 0', precisions.absentAsZero, set.mAP_sklearn_macro_absent_as_0);
  near('micro AP', microAveragePrecision(scores, targets), set.mAP_micro);
  near('samples AP', samplesAveragePrecision(scores, targets), set.mAP_samples_nonempty);
  near('mean AUC', areas.mean, set.auc_macro_defined_only);
  near(
    'mean AUC, NaN kept',
    areas.undefinedClasses.length > 0 ? Number.NaN : areas.mean,
    set.auc_macro_sklearn,
  );
  near("mean d'", distances.mean, set.d_prime_mean_of_classes_defined);
  near("mean of finite d'", finite.reduce((a, b) => a + b, 0) / finite.length, set.d_prime_mean_of_finite);
  near("d' of the mean AUC", dPrime(areas.mean), set.d_prime_of_mean_auc);
  const decisions: Record<string, (row: number[]) => boolean[]> = {
    'threshold_ge_0.5': (row) => decide(row),
    'threshold_gt_0.5': (row) => decide(row, { inclusive: false }),
    argmax_one_label: decideOne,
  };
  for (const [name, rule] of Object.entries(decisions))
    if (set[name]) checkTagging(scores.map(rule), targets, set[name], report, `${what}, ${name}`);
}

function checkTagging(
  decisions: boolean[][],
  targets: number[][],
  golden: Json,
  report: Report,
  what: string,
): void {
  const found = taggingReport(decisions, targets);
  report.equal(
    `${what}: counts`,
    [found.truePositives, found.falsePositives, found.falseNegatives],
    [golden.tp, golden.fp, golden.fn],
  );
  const pairs: [string, number, unknown][] = [
    ['micro precision', found.micro.precision, golden.precision_micro],
    ['micro recall', found.micro.recall, golden.recall_micro],
    ['micro F1', found.micro.f1, golden.f1_micro],
    ['macro F1', found.macroF1, golden.f1_macro_all],
    ['samples F1', found.samplesF1, golden.f1_samples],
    ['subset accuracy', found.subsetAccuracy, golden.subset_accuracy],
    ['hamming accuracy', found.hammingAccuracy, golden.hamming_accuracy],
    ['class-based precision', found.classBased.precision, golden.dcase_class_based.precision],
    ['class-based recall', found.classBased.recall, golden.dcase_class_based.recall],
    ['class-based F1', found.classBased.f1, golden.dcase_class_based.f1_of_mean_pr],
  ];
  for (const [name, actual, expected] of pairs)
    nearOrSame(report, `${what}: ${name}`, actual, expected, TOLERANCE);
  report.near(`${what}: F1 of classes`, found.f1PerClass, numbersOf(golden.f1_per_class), TOLERANCE);
}

function checkEvents(json: Json, report: Report): void {
  const files = [...new Set<string>([...json.reference, ...json.estimated].map((event: Json) => event.file))];
  const of = (events: Json[], file: string) =>
    events
      .filter((event) => event.file === file)
      .map(({ event_label: label, onset, offset }) => ({ label, onset, offset }));
  const recordings: EventPair[] = files.map((file) => ({
    reference: of(json.reference, file),
    estimated: of(json.estimated, file),
  }));
  const found: Record<string, EventReport> = {
    segment_1s: segmentScores(recordings, json.labels, 1),
    event_onset_200ms: eventScores(recordings, json.labels, { collar: 0.2 }),
    event_onset_50ms: eventScores(recordings, json.labels, { collar: 0.05 }),
    event_onset_offset_50ms_20perc: eventScores(recordings, json.labels, { collar: 0.05, offsetShare: 0.2 }),
  };
  for (const [name, { overall, classMean }] of Object.entries(found)) {
    const golden = json[name];
    if (!golden) continue;
    for (const [where, scores, wanted] of [
      ['overall', overall, golden.overall],
      ['class mean', classMean, golden.class_wise_average],
    ] as const) {
      const near = (what: string, actual: number, expected: unknown) =>
        nearOrSame(report, `${name}, ${where}: ${what}`, actual, expected, TOLERANCE);
      near('F1', scores.f1, wanted.f_measure.f_measure);
      near('precision', scores.precision, wanted.f_measure.precision);
      near('recall', scores.recall, wanted.f_measure.recall);
      near('error rate', scores.errorRate, wanted.error_rate.error_rate);
      near('deletions', scores.deletionRate, wanted.error_rate.deletion_rate);
      near('insertions', scores.insertionRate, wanted.error_rate.insertion_rate);
      if (where === 'overall')
        near('substitutions', scores.substitutionRate, wanted.error_rate.substitution_rate);
    }
  }
}
