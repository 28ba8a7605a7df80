import { bleu, ciderD, rougeL } from '@pengi/metrics';
import type { Json } from '../../golden.js';
import type { Report } from '../../report.js';
import { TOLERANCES } from '../../tolerances.js';

/** What aac-metrics gives for the goldens' captions; its METEOR is checked with the goldens' own. */
export function checkPeers(
  json: Json,
  { candidates, references }: { candidates: string[][]; references: string[][][] },
  report: Report,
): void {
  const theirs = json.aac_metrics_on_the_golden_tokens;
  const ours: Record<string, number> = {
    bleu_4: bleu(candidates, references).corpus[3]!,
    rouge_l: rougeL(candidates, references).corpus,
    cider_d: ciderD(candidates, references).corpus,
  };
  for (const [name, value] of Object.entries(ours))
    if (theirs[name])
      report.number(
        `aac-metrics ${theirs.version}, ${name}`,
        value,
        theirs[name].corpus,
        TOLERANCES.metrics.scores,
      );
}
