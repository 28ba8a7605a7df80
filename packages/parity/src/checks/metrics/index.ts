import type { Check } from '../../check.js';
import { openGolden } from '../../golden.js';
import { checkCaptions, checkTokenizer, tokenizedClips } from './captions.js';
import { checkFormula } from './formula-vectors.js';
import { checkHear } from './hear.js';
import { checkJava } from './java.js';
import { checkPeers } from './peers.js';
import { checkHeads, checkTrainedProbes } from './probes.js';
import { checkRetrieval, checkTextMatching } from './retrieval.js';
import { checkClassification } from './scores.js';
import { checkStatistics } from './statistics.js';

/** The metric goldens by the start of their names. */
export const METRIC_CHECKS: [prefix: string, check: Check][] = [
  ['metrics/m0_formula', async ({ json }, report) => checkFormula(json, report)],
  ['metrics/m1_tokenizer', async ({ json }, report) => checkTokenizer(json, report)],
  [
    'metrics/m2_captions',
    async ({ json }, report) => {
      checkCaptions(json, report);
      const skipped = await checkJava(json, report);
      return skipped.length > 0 ? { skipped: `${skipped.length} metrics: ${skipped.join('; ')}` } : undefined;
    },
  ],
  [
    'metrics/m2_peers',
    async ({ json, folder }, report) =>
      checkPeers(json, tokenizedClips(openGolden(folder, 'metrics/m2_captions').json), report),
  ],
  ['metrics/m3_', async ({ json }, report) => checkClassification(json, report)],
  ['metrics/m4_', async ({ json }, report) => checkRetrieval(json, report)],
  [
    'metrics/m5_hear',
    async ({ json }, report, engine) => {
      checkHear(json, report);
      await checkHeads(json, report, engine);
    },
  ],
  ['metrics/m5_probe', async ({ json }, report, engine) => checkTrainedProbes(json, report, engine)],
  ['metrics/m6_', async ({ json }, report) => checkTextMatching(json, report)],
  ['metrics/m7_', async ({ json }, report) => checkStatistics(json, report)],
];
