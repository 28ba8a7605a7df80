import {
  averageEmbedding,
  cosineSimilarities,
  matchClasses,
  type RankSummary,
  retrieve,
  retrieveAny,
  TIE_RULES,
  topK,
} from '@pengi/metrics';
import type { Json } from '../../golden.js';
import type { Report } from '../../report.js';
import { TOLERANCES } from '../../tolerances.js';
import { fillOf, integersOf, nearChecksum, roundHalfEven, rowsOf } from './formula.js';

const { retrieval: TOLERANCE, scores: COSINES } = TOLERANCES.metrics;

/** Retrieval both ways, by every rule for ties. */
export function checkRetrieval(json: Json, report: Report): void {
  for (const set of json.cases) {
    const { audios, captions_per_audio: each, name } = set;
    const similarities: number[][] = set.sim_times_q
      ? set.sim_times_q.map((row: number[]) => row.map((value) => value / set.quantum))
      : similaritiesByFormula(json.salt, set);
    if (set.sim_checksum)
      nearChecksum(report, `${name}: similarities`, similarities.flat(), set.sim_checksum);
    const audioOf = similarities.map((_, i) => Math.floor(i / each));

    for (const rule of TIE_RULES) {
      const golden = set.text_to_audio[rule];
      if (golden)
        checkSummary(
          report,
          `${name}, text to audio, ${rule}`,
          retrieve(similarities, audioOf, rule),
          golden,
        );
    }
    const { ranks } = retrieve(similarities, audioOf);
    if (set.text_to_audio_ranks_stable) report.equal(`${name}: ranks`, ranks, set.text_to_audio_ranks_stable);
    if (set.text_to_audio_first_caption_only) {
      const first = similarities.filter((_, i) => i % each === 0);
      const scores = retrieve(
        first,
        first.map((_, i) => i),
      );
      checkSummary(report, `${name}, first captions`, scores, set.text_to_audio_first_caption_only);
    }

    const byAudio = Array.from({ length: audios }, (_, k) => similarities.map((row) => row[k]!));
    const texts = byAudio.map((_, k) => Array.from({ length: each }, (_, j) => k * each + j));
    const stable = retrieveAny(byAudio, texts);
    const golden = set.audio_to_text;
    checkSummary(report, `${name}, audio to text`, stable, golden.stable);
    const more: [string, number][] = [
      ['mAP@10_best_only', stable.mapAt10BestOnly],
      ['recall_fraction@1', stable.recallFractionAt1],
      ['recall_fraction@5', stable.recallFractionAt5],
      ['recall_fraction@10', stable.recallFractionAt10],
    ];
    for (const [key, value] of more)
      if (golden.stable[key] !== undefined)
        report.number(`${name}, audio to text: ${key}`, value, golden.stable[key], TOLERANCE);
    for (const rule of ['optimistic', 'pessimistic'] as const) {
      const scores = retrieveAny(byAudio, texts, rule);
      const best = { ...scores, mapAt10: scores.mapAt10BestOnly };
      if (golden[`${rule}_best`])
        checkSummary(report, `${name}, audio to text, ${rule}`, best, golden[`${rule}_best`]);
    }
    if (set.audio_to_text_best_ranks_stable)
      report.equal(`${name}: best ranks`, stable.ranks, set.audio_to_text_best_ranks_stable);
    if (set.audio_to_text_relevant_ranks_stable)
      report.equal(`${name}: relevant ranks`, stable.relevantRanks, set.audio_to_text_relevant_ranks_stable);
  }
}

function checkSummary(report: Report, what: string, scores: RankSummary, golden: Json): void {
  const pairs: [string, number][] = [
    ['R@1', scores.recallAt1],
    ['R@5', scores.recallAt5],
    ['R@10', scores.recallAt10],
    ['mAP@10', scores.mapAt10],
    ['median_rank', scores.medianRank],
    ['mean_rank', scores.meanRank],
    ['MRR', scores.meanReciprocalRank],
  ];
  for (const [key, value] of pairs) report.number(`${what}: ${key}`, value, golden[key], TOLERANCE);
}

function similaritiesByFormula(
  salt: string,
  { name, audios, captions_per_audio: each, dim, quantum, ties_audio_columns: [kept, copied] }: Json,
): number[][] {
  const audio = rowsOf(fillOf(salt, `${name}/audio`, audios * dim), dim);
  const text = rowsOf(fillOf(salt, `${name}/text`, audios * each * dim), dim).map((row, i) =>
    row.map((value, j) => value + 0.42 * audio[Math.floor(i / each)]![j]!),
  );
  audio[copied] = audio[kept]!; // exact ties
  return cosineSimilarities(text, audio).map((row) =>
    Array.from(row, (value) => roundHalfEven(value * quantum) / quantum),
  );
}

/** Answers to classes by cosines: zero vectors, exact ties, several wordings. */
export function checkTextMatching(json: Json, report: Report): void {
  for (const set of json.cases) {
    const { name, classes, dim } = set;
    if (set.templates) {
      const wordings = rowsOf(fillOf(json.salt, 'match/templates', set.templates * classes * dim), dim);
      const queries = rowsOf(fillOf(json.salt, 'match/queries', set.queries * dim), dim);
      const embeddings = Array.from({ length: classes }, (_, k) =>
        averageEmbedding(wordings.filter((_, i) => i % classes === k)),
      );
      cosineSimilarities(queries, embeddings).forEach((row, i) => {
        report.near(`${name}: cosines ${i}`, row, set.sim[i], COSINES);
      });
      report.equal(`${name}: classes`, matchClasses(queries, embeddings), set.argmax);
      continue;
    }
    const targets = integersOf(json.salt, `match/${name}/target`, set.n, classes);
    const embeddings = rowsOf(fillOf(json.salt, `match/${name}/class`, classes * dim), dim);
    const texts = rowsOf(fillOf(json.salt, `match/${name}/pred`, set.n * dim), dim).map((row, i) =>
      row.map((value, j) =>
        Math.fround(value + Math.fround(Math.fround(0.6) * embeddings[targets[i]!]![j]!)),
      ),
    );
    for (const line of set.fill.overrides_in_order as string[]) {
      const [, into, at, factor = '1', from, index] =
        /^(\w+)\[(\d+)\]=(?:0$|(?:(\d+)\*)?(\w+)\[(\d+)\])/.exec(line)!;
      const table: Record<string, number[][]> = { pred: texts, class: embeddings };
      table[into!]![Number(at)] =
        from === undefined
          ? new Array<number>(dim).fill(0)
          : table[from]![Number(index)]!.map((value) => Number(factor) * value);
    }
    const similarities = cosineSimilarities(texts, embeddings);
    if (set.sim)
      similarities.forEach((row, i) => {
        report.near(`${name}: cosines ${i}`, row, set.sim[i], COSINES);
      });
    if (set.sim_checksum)
      nearChecksum(
        report,
        `${name}: cosines`,
        similarities.flatMap((row) => [...row]),
        set.sim_checksum,
      );
    const found = matchClasses(texts, embeddings);
    report.equal(`${name}: classes`, found, set.argmax);
    if (set.top3)
      report.equal(
        `${name}: top 3`,
        similarities.map((row) => topK(row, 3)),
        set.top3,
      );
    const right = found.filter((k, i) => k === targets[i]).length / set.n;
    report.number(`${name}: accuracy`, right, set.accuracy_vs_target, TOLERANCE);
  }
}
