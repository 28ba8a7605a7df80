/** The goldens of captions through the benchmark, from answers that are asked for to the reported SPIDEr. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Evaluation, runBench, scoreRun } from '@pengi/bench';
import { PengiError } from '@pengi/core';
import type { ExternalScorer } from '@pengi/metrics';
import type { Json } from '../../golden.js';
import type { Report } from '../../report.js';
import { TOLERANCES } from '../../tolerances.js';

const { meteor: METEOR, spice: SPICE, scores: SCORES } = TOLERANCES.metrics;

/** A model that says the golden's captions is given the golden's scores, by the real METEOR and SPICE. */
export async function checkBenchCaptions(
  json: Json,
  external: ExternalScorer,
  report: Report,
): Promise<void> {
  const clips: { id: string; refs: string[]; cand: string }[] = json.clips;
  const run = await mkdtemp(join(tmpdir(), 'pengi-parity-'));
  try {
    const evaluation: Evaluation = {
      id: 'captions',
      version: 1,
      title: 'Captions',
      kind: 'captioning',
      prompt: 'generate audio caption',
      metric: 'spider',
      folder: 'golden',
      items: clips.map(({ id, refs }) => ({ id, audio: id, references: refs })),
      official: clips.length,
      published: [],
      notes: [],
    };
    const said = new Map(clips.map(({ id, cand }) => [id, cand]));
    await runBench({
      run,
      evaluations: [evaluation],
      predictor: {
        name: 'golden',
        generate: async (asked) => asked.map(({ audio }) => said.get(audio) as string),
      },
      identity: { weightsSha256: 'golden', version: '1' },
      // There are no recordings; each counts as one with bytes of its own.
      clips: { read: async ({ audio }) => ({ sha256: audio }), close: async () => undefined },
    });
    const { results } = await scoreRun(run, { external });
    const [result] = results;
    if (!result) throw new PengiError('E_INTERNAL', 'the run has no result');
    const { corpus } = json;
    report.number('in the benchmark: SPIDEr', result.value ?? Number.NaN, corpus.spider, SCORES);
    report.number('in the benchmark: METEOR', result.metrics.meteor ?? Number.NaN, corpus.meteor, METEOR);
    report.number('in the benchmark: SPICE', result.metrics.spice ?? Number.NaN, corpus.spice, SPICE);
    report.number('in the benchmark: CIDEr-D', result.metrics.cider_d ?? Number.NaN, corpus.cider, SCORES);
    report.near(
      'in the benchmark: SPIDEr of clips',
      result.items.map(({ score }) => score),
      json.per_clip.map((clip: Json) => clip.spider),
      SCORES,
    );
  } finally {
    await rm(run, { recursive: true, force: true });
  }
}
