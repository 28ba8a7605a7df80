import { join } from 'node:path';
import { cacheFolder } from '@pengi/checkpoint/download';
import {
  createJavaScorer,
  findJava,
  installedPrograms,
  meteor,
  SPICE_SUBSETS,
  type SpiceScore,
  spice,
} from '@pengi/metrics/java';
import type { Json } from '../../golden.js';
import type { Report } from '../../report.js';
import { TOLERANCES } from '../../tolerances.js';
import { checkBenchCaptions } from './bench.js';
import { tokenizedClips } from './captions.js';

const { meteor: METEOR_TOLERANCE, spice: SPICE_TOLERANCE, scores: TOLERANCE } = TOLERANCES.metrics;

/** METEOR and SPICE through the official programs, where these are. @returns what could not be checked, and why */
export async function checkJava(json: Json, report: Report): Promise<string[]> {
  if (json.corpus.meteor === undefined) return []; // the fixtures are without them: they take minutes
  const java = await findJava();
  if (java === undefined) return ['METEOR: no Java', 'SPICE: no Java'];
  const folder = join(cacheFolder(), 'metrics');
  const installed = await installedPrograms(folder);
  const { candidates, references } = tokenizedClips(json);
  const ofClips = (key: string) => json.per_clip.map((clip: Json) => clip[key]);
  const skipped: string[] = [];

  if (installed.meteor) {
    const { corpus, sentences } = await meteor(candidates, references, { java, folder });
    report.number(`METEOR (Java ${java.major})`, corpus, json.corpus.meteor, METEOR_TOLERANCE);
    report.near('METEOR of clips', sentences, ofClips('meteor'), METEOR_TOLERANCE);
  } else skipped.push('METEOR: not installed (pengi metrics install)');

  if (installed.spice) {
    const { corpus, sentences, subsets } = await spice(candidates, references, { java, folder });
    report.number(`SPICE (Java ${java.major})`, corpus, json.corpus.spice, SPICE_TOLERANCE);
    report.near(
      'SPICE of clips',
      sentences,
      ofClips('spice').map((scores: Json) => scores.All[2] ?? 0),
      SPICE_TOLERANCE,
    );
    for (const name of SPICE_SUBSETS)
      report.equal(
        `SPICE ${name}`,
        subsets.map((scores) => json.spice_fields.map((field: keyof SpiceScore) => scores[name][field])),
        ofClips('spice').map((scores: Json) => scores[name]),
      );
    const spider = (cider: number, spiceScore: number) => (cider + spiceScore) / 2;
    report.number('SPIDEr', spider(json.corpus.cider, corpus), json.corpus.spider, TOLERANCE);
    report.near(
      'SPIDEr of clips',
      sentences.map((value, i) => spider(json.per_clip[i].cider, value)),
      ofClips('spider'),
      TOLERANCE,
    );
  } else skipped.push('SPICE: not installed (pengi metrics install)');
  if (skipped.length === 0) await checkBenchCaptions(json, createJavaScorer({ folder }), report);
  return skipped;
}
