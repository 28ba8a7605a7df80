// Any model in the benchmark: three predictors of a few lines, scored on ESC-50. The first guesses, the second is a CLAP, the
// third asks a server that answers {"texts": […]} to {"files": […], "prompt": "…"}.
//   tsx predictor.ts DATA random | CLAP-FOLDER | http://HOST/
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  benchmarkTask,
  createClipSource,
  loadTask,
  type Predictor,
  resultTable,
  runBench,
  scoreRun,
} from '@pengi/bench';
import { loadClap } from '@pengi/clap';
import { createRng } from '@pengi/core';

const [data, which = 'random'] = process.argv.slice(2);
if (!data) throw new Error('usage: tsx predictor.ts DATA random | CLAP-FOLDER | http://HOST/');

const rng = createRng(0);
const random: Predictor = {
  name: 'random baseline',
  zeroShot: async (clips, labels) => clips.map(() => labels.map(() => rng.uniform())),
};

async function clapZeroShot(folder: string): Promise<Predictor> {
  const clap = await loadClap(folder);
  return {
    name: 'CLAP zero-shot',
    async zeroShot(clips, labels) {
      const found = await clap.zeroShot(
        clips.map(({ audio }) => audio),
        labels,
      );
      return found.map((scores) => labels.map((label) => scores.find((one) => one.label === label)!.cosine));
    },
  };
}

function http(url: string): Predictor {
  async function post<Reply>(path: string, body: object): Promise<Reply> {
    const response = await fetch(new URL(path, url), { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${url} answers ${response.status}`);
    return (await response.json()) as Reply;
  }
  return {
    name: `model at ${url}`,
    async generate(clips, prompt) {
      const files = clips.map(({ audio }) => audio);
      return (await post<{ texts: string[] }>('generate', { files, prompt })).texts;
    },
    // Generated texts are compared with labels in the space of a text encoder: [texts, width].
    async embedText(texts) {
      const { vectors } = await post<{ vectors: number[][] }>('embed', { texts });
      return vectors.map((vector) => Float32Array.from(vector));
    },
  };
}

const predictor =
  which === 'random' ? random : which.startsWith('http') ? http(which) : await clapZeroShot(which);
const run = mkdtempSync(join(tmpdir(), 'bench-'));
const { evaluation } = await loadTask(benchmarkTask('esc50'), data);
await runBench({
  run, // kept answers; the same folder goes on where a run has stopped
  evaluations: [evaluation],
  predictor,
  identity: { weightsSha256: which, version: '1' }, // whatever tells this model from others
  clips: createClipSource({}, 0),
});
const { results, unusable } = await scoreRun(run);
console.log(resultTable(results));
for (const reason of unusable) console.error(reason); // words that a small model does not know, say
