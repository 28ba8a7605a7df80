import { filterWidth, framesToEvents, hearFolds, hearSceneScore } from '@pengi/metrics';
import type { Json } from '../../golden.js';
import type { Report } from '../../report.js';
import { TOLERANCES } from '../../tolerances.js';

/** Frames to events, folds and pitch as HEAR's kit has them. */
export function checkHear(json: Json, report: Report): void {
  for (const set of json.events.cases) {
    const times = Array.from({ length: set.frames }, (_, i) => set.hop_ms / 2 + set.hop_ms * i);
    for (const golden of set.results) {
      const what = `${set.name}, filter ${golden.median_filter_ms} ms, from ${golden.min_duration_ms} ms`;
      const events = framesToEvents(set.p, times, json.events.labels, {
        medianFilterMs: golden.median_filter_ms,
        minDurationMs: golden.min_duration_ms,
      });
      report.equal(`${what}: width`, filterWidth(times, golden.median_filter_ms), golden.filter_width);
      report.equal(
        `${what}: labels`,
        events.map(({ label }) => label),
        golden.events.map(([label]: Json) => label),
      );
      report.near(
        `${what}: times`,
        events.flatMap(({ start, end }) => [start, end]),
        golden.events.flatMap(([, start, end]: Json) => [start, end]),
        TOLERANCES.metrics.scores,
      );
    }
  }
  const { labels, pred, pitch_acc, chroma_acc } = json.pitch;
  const classes = Math.max(...labels, ...pred) + 1;
  const oneHot = (k: number) => Array.from({ length: classes }, (_, i) => (i === k ? 1 : 0));
  const [predictions, targets] = [pred.map(oneHot), labels.map(oneHot)];
  report.number('pitch', hearSceneScore('pitch_acc', predictions, targets), pitch_acc, 1e-12);
  report.number('chroma', hearSceneScore('chroma_acc', predictions, targets), chroma_acc, 1e-12);
  for (const [k, golden] of Object.entries<Json>(json.folds)) {
    const names = Array.from({ length: Number(k) }, (_, i) => `fold${String(i).padStart(2, '0')}`);
    report.equal(
      `${k} folds`,
      hearFolds(names).map(({ test, valid, train }) => ({ test: [test], valid: [valid], train })),
      golden,
    );
  }
}
